/** Which view is shown: / (a new conversation), /c/{id}, /hood, and the sign-in's way back. */

import { signal } from "@preact/signals";
import { CALLBACK } from "./identity/oidc";

export type Route = { view: "chat"; id: string | null } | { view: "hood" } | { view: "signed-in" };

export const route = signal<Route>(routeOf(location.pathname));

addEventListener("popstate", () => {
  route.value = routeOf(location.pathname);
});

export function routeOf(path: string): Route {
  if (path === CALLBACK) return { view: "signed-in" };
  if (path === "/hood") return { view: "hood" };
  const id = /^\/c\/([^/]+)$/.exec(path)?.[1];
  return { view: "chat", id: id ? decodeURIComponent(id) : null };
}

export function pathOf(id: string | null): string {
  return id ? `/c/${encodeURIComponent(id)}` : "/";
}

export function navigate(path: string, replace = false): void {
  if (path !== location.pathname) history[replace ? "replaceState" : "pushState"](null, "", path);
  route.value = routeOf(path.split("?")[0] ?? "/");
}
