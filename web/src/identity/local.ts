/** Sign-in of a local stack: one is who one says one is. */

import { errorOf } from "../api/errors";
import type { Session } from "./session";

/** @throws ApiError the name is none. */
export async function signInLocally(address: string, user: string): Promise<Session> {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user }),
  });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as Session;
}
