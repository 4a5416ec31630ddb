// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { begin, finish, refresh } from "../src/identity/oidc";

const identity = {
  kind: "oidc" as const,
  issuer: "https://issuer.example/pool/",
  client_id: "page",
};
const claims = btoa(JSON.stringify({ name: "Ada" })).replaceAll("=", "");

let verifierAsked = "";
let refuse = false;

/** An issuer: discovery and tokens. */
function issuer(address: string, init?: RequestInit): Response {
  if (address === "https://issuer.example/pool/.well-known/openid-configuration") {
    return Response.json({
      authorization_endpoint: "https://issuer.example/authorize",
      token_endpoint: "https://issuer.example/token",
    });
  }
  const fields = new URLSearchParams(String(init?.body));
  verifierAsked = fields.get("code_verifier") ?? "";
  if (refuse || fields.get("client_id") !== "page") return new Response("", { status: 400 });
  return Response.json({
    access_token: `access by ${fields.get("grant_type")}`,
    id_token: `x.${claims}.y`,
    refresh_token: fields.get("grant_type") === "refresh_token" ? undefined : "again",
    expires_in: 60,
  });
}

beforeEach(() => {
  refuse = false;
  sessionStorage.clear();
  vi.stubGlobal("fetch", (address: string, init?: RequestInit) =>
    Promise.resolve(issuer(address, init)),
  );
});
afterEach(() => vi.unstubAllGlobals());

describe("sign-in by an issuer", () => {
  it("sends a challenge, and later the verifier that fits it", async () => {
    const query = new URL(await begin(identity, "/c/1")).searchParams;
    expect(query.get("code_challenge_method")).toBe("S256");
    const answer = new URLSearchParams({ code: "k", state: query.get("state") ?? "" });
    const { session, back } = await finish(identity, answer);
    expect(back).toBe("/c/1");
    expect(session).toMatchObject({
      token: "access by authorization_code",
      user: "Ada",
      refresh: "again",
    });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifierAsked));
    const challenge = query.get("code_challenge")?.replaceAll("-", "+").replaceAll("_", "/");
    expect(`${challenge}=`).toBe(btoa(String.fromCharCode(...new Uint8Array(digest))));
  });

  it("takes no answer to a question that it did not ask, and none twice", async () => {
    const forged = new URLSearchParams({ code: "k", state: "forged" });
    await expect(finish(identity, forged)).rejects.toThrow("not begun here");
    const query = new URL(await begin(identity, "/")).searchParams;
    await expect(finish(identity, forged)).rejects.toThrow("not begun here");
    const late = new URLSearchParams({ code: "k", state: query.get("state") ?? "" });
    await expect(finish(identity, late)).rejects.toThrow("not begun here");
  });

  it("says why the issuer refused", async () => {
    await begin(identity, "/");
    const answer = new URLSearchParams({ error: "access_denied" });
    await expect(finish(identity, answer)).rejects.toThrow("access_denied");
  });

  it("renews a session and keeps its refresh token", async () => {
    const old = { token: "old", user: "Ada", expires_ms: 0, refresh: "again" };
    expect(await refresh(identity, old)).toMatchObject({
      token: "access by refresh_token",
      user: "Ada",
      refresh: "again",
    });
    refuse = true;
    await expect(refresh(identity, old)).rejects.toThrow("did not accept");
  });
});
