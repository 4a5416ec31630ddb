/** Colours for code, loaded when there is code: the core, and each language for itself. */

import type { HLJSApi, LanguageFn } from "highlight.js";

type Loader = () => Promise<{ default: LanguageFn }>;

const LOADERS: Record<string, Loader> = {
  bash: () => import("highlight.js/lib/languages/bash"),
  c: () => import("highlight.js/lib/languages/c"),
  cpp: () => import("highlight.js/lib/languages/cpp"),
  css: () => import("highlight.js/lib/languages/css"),
  go: () => import("highlight.js/lib/languages/go"),
  java: () => import("highlight.js/lib/languages/java"),
  javascript: () => import("highlight.js/lib/languages/javascript"),
  json: () => import("highlight.js/lib/languages/json"),
  python: () => import("highlight.js/lib/languages/python"),
  rust: () => import("highlight.js/lib/languages/rust"),
  sql: () => import("highlight.js/lib/languages/sql"),
  typescript: () => import("highlight.js/lib/languages/typescript"),
  xml: () => import("highlight.js/lib/languages/xml"),
  yaml: () => import("highlight.js/lib/languages/yaml"),
};

const ALIASES: Record<string, string> = {
  "c++": "cpp",
  console: "bash",
  html: "xml",
  js: "javascript",
  py: "python",
  rs: "rust",
  sh: "bash",
  shell: "bash",
  ts: "typescript",
  yml: "yaml",
};

let core: Promise<HLJSApi> | null = null;

/** The name under which a language is known here; null for one that is not. */
export function languageOf(label: string): string | null {
  const name = label.toLowerCase();
  const known = ALIASES[name] ?? name;
  return Object.hasOwn(LOADERS, known) ? known : null;
}

/** Colour all code blocks inside `root` that are not yet. */
export async function highlightAll(root: Element): Promise<void> {
  const blocks = root.querySelectorAll<HTMLElement>("code[data-language]:not([data-done])");
  await Promise.all([...blocks].map(highlight));
}

async function highlight(block: HTMLElement): Promise<void> {
  const language = languageOf(block.dataset.language ?? "");
  if (!language) return;
  core ??= import("highlight.js/lib/core").then((module) => module.default);
  const [highlighter, loaded] = await Promise.all([core, LOADERS[language]?.()]);
  if (loaded) highlighter.registerLanguage(language, loaded.default);
  block.innerHTML = highlighter.highlight(block.textContent ?? "", { language }).value;
  block.dataset.done = "";
}
