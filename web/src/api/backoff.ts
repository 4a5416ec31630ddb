/** Waiting before the next attempt: longer each time, by chance, and no longer than needed. */

const FIRST_MS = 400;
const LONGEST_MS = 8_000;

/** Milliseconds before attempt number `attempt` (from 1). `told` is what the service asks for. */
export function delayMs(attempt: number, told = 0, random: () => number = Math.random): number {
  const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, attempt - 1));
  return Math.max(told, step / 2 + (step / 2) * random());
}

/** Wait; returns at once when the network comes back, and rejects when `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void) => () => {
      clearTimeout(timer);
      removeEventListener("online", woken);
      signal?.removeEventListener("abort", aborted);
      act();
    };
    const woken = finish(resolve);
    const aborted = finish(() => reject(signal?.reason));
    const timer = setTimeout(woken, ms);
    addEventListener("online", woken);
    signal?.addEventListener("abort", aborted);
    if (signal?.aborted) aborted();
  });
}
