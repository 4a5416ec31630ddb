/** Markdown of an answer as safe HTML. Whatever a model writes, nothing but text formatting comes out. */

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: false });
const escapeHtml = markdown.utils.escapeHtml;

// A picture's address could carry words of the conversation away: it is shown as a link.
markdown.renderer.rules.image = (tokens, index) => {
  const token = tokens[index];
  const address = String(token?.attrGet("src") ?? "");
  return `<a href="${escapeHtml(address)}">${escapeHtml(token?.content || address)}</a>`;
};

markdown.renderer.rules.fence = (tokens, index) => {
  const token = tokens[index];
  const language = /^[\w+#.-]{1,24}/.exec(token?.info ?? "")?.[0] ?? "";
  return codeBlock(token?.content ?? "", language);
};

markdown.renderer.rules.code_block = (tokens, index) => codeBlock(tokens[index]?.content ?? "", "");

markdown.renderer.rules.table_open = () => '<div class="table" tabindex="0"><table>';
markdown.renderer.rules.table_close = () => "</table></div>";

function codeBlock(code: string, language: string): string {
  const label = escapeHtml(language || "text");
  return (
    `<div class="code"><div class="code-head"><span>${label}</span>` +
    `<button type="button" data-copy>Copy code</button></div>` +
    `<pre tabindex="0"><code data-language="${escapeHtml(language)}">${escapeHtml(code)}</code></pre></div>`
  );
}

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

/** HTML for `text`. */
export function render(text: string): string {
  return DOMPurify.sanitize(markdown.render(text), {
    FORBID_TAGS: ["style", "img", "form", "input", "svg", "math"],
    FORBID_ATTR: ["style"],
  });
}
