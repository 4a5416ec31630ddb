/** Dark or light: the system's choice, or the user's own. public/theme.js does it before the paint. */

import { signal } from "@preact/signals";

const KEY = "keepwarm.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

type Theme = "dark" | "light";

export const theme = signal<Theme>(current());

system.addEventListener("change", () => {
  theme.value = current();
});

export function toggleTheme(): void {
  const next: Theme = theme.value === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEY, next);
  theme.value = next;
}

function current(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "dark" || chosen === "light") return chosen;
  return system.matches ? "dark" : "light";
}
