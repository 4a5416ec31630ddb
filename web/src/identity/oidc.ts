/**
 * Sign-in by an OpenID Connect issuer: authorization code with PKCE, for a client without secret.
 *
 *     begin() --> issuer's page --> /signed-in?code&state --> finish() --> session
 */

import type { OidcIdentity } from "./config";
import type { Session } from "./session";

const KEY = "keepwarm.sign-in";
export const CALLBACK = "/signed-in";

interface Pending {
  state: string;
  verifier: string;
  back: string;
}

interface Endpoints {
  authorization_endpoint: string;
  token_endpoint: string;
}

interface Tokens {
  access_token: string;
  id_token?: string;
  refresh_token?: string;
  expires_in?: number;
}

/** The address of the issuer's page; what `finish` needs is kept in this tab meanwhile. */
export async function begin(identity: OidcIdentity, back: string): Promise<string> {
  const pending = { state: secret(), verifier: secret(), back };
  sessionStorage.setItem(KEY, JSON.stringify(pending));
  const { authorization_endpoint } = await endpoints(identity);
  const address = new URL(authorization_endpoint);
  const query = {
    response_type: "code",
    client_id: identity.client_id,
    redirect_uri: location.origin + CALLBACK,
    scope: identity.scope ?? "openid",
    state: pending.state,
    code_challenge: await challenge(pending.verifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  return address.href;
}

/**
 * The session that the issuer's answer stands for, and where the user wanted to go.
 *
 * @throws Error the answer is not to a question of ours, or the issuer refuses.
 */
export async function finish(
  identity: OidcIdentity,
  query: URLSearchParams,
): Promise<{ session: Session; back: string }> {
  const pending = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Pending | null;
  sessionStorage.removeItem(KEY);
  const refused = query.get("error_description") ?? query.get("error");
  if (refused) throw new Error(`The sign-in was refused: ${refused}`);
  const code = query.get("code");
  if (!pending || !code || query.get("state") !== pending.state) {
    throw new Error("This sign-in was not begun here. Please sign in again.");
  }
  const tokens = await ask(identity, {
    grant_type: "authorization_code",
    code,
    redirect_uri: location.origin + CALLBACK,
    code_verifier: pending.verifier,
  });
  return { session: sessionOf(tokens), back: pending.back };
}

/** A new session by the refresh token of `current`. */
export async function refresh(identity: OidcIdentity, current: Session): Promise<Session> {
  const token = current.refresh ?? "";
  const tokens = await ask(identity, { grant_type: "refresh_token", refresh_token: token });
  const renewed = sessionOf(tokens);
  return { ...renewed, user: current.user, refresh: renewed.refresh ?? token };
}

async function ask(identity: OidcIdentity, fields: Record<string, string>): Promise<Tokens> {
  const { token_endpoint } = await endpoints(identity);
  const body = new URLSearchParams({ ...fields, client_id: identity.client_id });
  const response = await fetch(token_endpoint, { method: "POST", body });
  if (!response.ok) throw new Error("The issuer did not accept this sign-in.");
  return (await response.json()) as Tokens;
}

async function endpoints(identity: OidcIdentity): Promise<Endpoints> {
  const base = identity.issuer.replace(/\/$/, "");
  const response = await fetch(`${base}/.well-known/openid-configuration`);
  if (!response.ok) throw new Error("The issuer of sign-ins does not answer.");
  return (await response.json()) as Endpoints;
}

function sessionOf(tokens: Tokens): Session {
  const lifetime = (tokens.expires_in ?? 3600) * 1000;
  const session: Session = {
    token: tokens.access_token,
    user: nameIn(tokens.id_token),
    expires_ms: Date.now() + lifetime,
  };
  return tokens.refresh_token ? { ...session, refresh: tokens.refresh_token } : session;
}

/** A name to show. The API checks tokens; nothing is decided by what is read here. */
function nameIn(token: string | undefined): string {
  try {
    const part = (token ?? "").split(".")[1] ?? "";
    const bytes = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    const text = new TextDecoder().decode(Uint8Array.from(bytes, (one) => one.charCodeAt(0)));
    const claims = JSON.parse(text) as Record<string, unknown>;
    const name = claims.name ?? claims.email ?? claims.preferred_username ?? claims.sub;
    return typeof name === "string" && name ? name : "me";
  } catch {
    return "me";
  }
}

function secret(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function challenge(verifier: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  return base64url(new Uint8Array(digest));
}

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
