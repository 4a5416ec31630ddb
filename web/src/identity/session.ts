/** Who is signed in. Kept in this browser, for all its tabs. */

import { signal } from "@preact/signals";
import { config } from "./config";
import { signInLocally } from "./local";
import { refresh } from "./oidc";

const KEY = "keepwarm.session";

export interface Session {
  token: string;
  user: string;
  expires_ms: number;
  refresh?: string;
}

/** The one who is signed in; null for nobody. */
export const session = signal<Session | null>(load());

session.subscribe((value) => {
  if (value) localStorage.setItem(KEY, JSON.stringify(value));
  else localStorage.removeItem(KEY);
});

/** Another tab signs in or out: this one follows. */
addEventListener("storage", (event) => {
  if (event.key === KEY) session.value = load();
});

/** A new token for the same user, if that goes without asking them. */
export async function renew(): Promise<boolean> {
  renewing ??= newToken().finally(() => {
    renewing = null;
  });
  return renewing;
}

let renewing: Promise<boolean> | null = null;

async function newToken(): Promise<boolean> {
  const identity = config.value?.identity;
  const current = session.value;
  if (!identity || !current) return false;
  try {
    if (identity.kind === "local") {
      session.value = await signInLocally(identity.sign_in, current.user);
    } else if (current.refresh) {
      session.value = await refresh(identity, current);
    } else {
      return false;
    }
    return true;
  } catch {
    return false; // the caller's own error says what is wrong: not signed in
  }
}

function load(): Session | null {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "null") as Session | null;
    return stored?.token && stored.user ? stored : null;
  } catch {
    return null;
  }
}
