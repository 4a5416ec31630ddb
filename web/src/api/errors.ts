/** What can go wrong with a request. */

import type { ErrorBody } from "./types";

/** The service answered, and the answer is no. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly body: ErrorBody,
  ) {
    super(body.message);
  }

  get code(): string {
    return this.body.code;
  }

  /** Whether the same request may succeed a little later. */
  get passing(): boolean {
    return this.status === 429 || this.status >= 500;
  }
}

/** Nobody answered: no network, or the service is away. */
export class ConnectionLost extends Error {
  constructor() {
    super("Keepwarm cannot be reached.");
  }
}

/** Whether sending the same again makes sense. A key that is kept makes it harmless. */
export function worthRetrying(error: unknown): boolean {
  if (error instanceof ApiError) return error.passing && error.code !== "quota_exceeded";
  return error instanceof ConnectionLost;
}

/** The error that a response stands for; edges answer with pages of their own. */
export async function errorOf(response: Response): Promise<ApiError> {
  const content: unknown = await response.json().catch(() => null);
  const body = (content as { error?: ErrorBody } | null)?.error;
  const known = typeof body?.code === "string" && typeof body.message === "string";
  return new ApiError(
    response.status,
    known && body ? body : { code: `http_${response.status}`, message: STATUS(response.status) },
  );
}

const STATUS = (status: number): string =>
  status >= 500 ? "The service did not answer properly." : `The request was refused (${status}).`;

/** One sentence for people. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
