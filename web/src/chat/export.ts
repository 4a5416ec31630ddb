/** Taking things along: one conversation as Markdown, or everything as it is stored. */

import { api } from "../api/client";
import type { Branch } from "../api/types";

const SPEAKERS = { user: "You", assistant: "Keepwarm" };

/** The shown branch as a Markdown document. */
export function asMarkdown(branch: Branch): string {
  const { title, created_ms, model } = branch.conversation;
  const head = `# ${title || "Conversation"}\n\n${new Date(created_ms).toISOString()}, ${model}\n`;
  const turns = branch.messages.map((one) => `\n## ${SPEAKERS[one.role]}\n\n${one.content}\n`);
  return head + turns.join("");
}

/** A file name made of a title. */
export function fileName(title: string, extension: string): string {
  const plain = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-");
  return `${plain.replace(/^-|-$/g, "").slice(0, 60) || "conversation"}.${extension}`;
}

/** Let the browser save a text. */
export function save(name: string, text: string, type: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export async function saveConversation(id: string): Promise<void> {
  const branch = await api.read(id);
  save(fileName(branch.conversation.title, "md"), asMarkdown(branch), "text/markdown");
}

/** @throws Error the export came without its last line. */
export async function saveEverything(): Promise<void> {
  const text = await (await api.export()).text();
  const last = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "{}") as { complete?: boolean };
  if (!last.complete) throw new Error("The export is not complete; try again.");
  save("keepwarm-export.ndjson", text, "application/x-ndjson");
}
