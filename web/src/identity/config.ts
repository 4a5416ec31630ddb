/** What the page is told about where it runs: /config.json. */

import { signal } from "@preact/signals";

export interface LocalIdentity {
  kind: "local";
  sign_in: string;
}

export interface OidcIdentity {
  kind: "oidc";
  issuer: string;
  client_id: string;
  scope?: string;
}

export interface Config {
  identity: LocalIdentity | OidcIdentity;
  hood?: { snapshot: string; events: string } | null;
  version?: string;
}

export const config = signal<Config | null>(null);

/** @throws Error the service is away or is none of ours. */
export async function loadConfig(): Promise<void> {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error("The service does not answer.");
  config.value = (await response.json()) as Config;
}
