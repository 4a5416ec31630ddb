// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { fileName } from "../src/chat/export";
import { languageOf } from "../src/chat/highlight";
import { render } from "../src/chat/markdown";

describe("an answer's Markdown", () => {
  it("becomes text, lists and tables", () => {
    expect(render("**a** and `b`")).toContain("<strong>a</strong> and <code>b</code>");
    expect(render("- a\n- b")).toContain("<li>a</li>");
    expect(render("|a|\n|-|\n|b|")).toContain("<td>b</td>");
  });

  it("holds no markup of the model's own", () => {
    const html = render('<img src=x onerror="alert(1)"><script>alert(1)</script>');
    expect(html).not.toMatch(/<(img|script)/);
    expect(render("[a](javascript:alert(1))")).not.toContain("<a");
    expect(render("[a](data:text/html;base64,x)")).not.toContain("<a");
  });

  it("fetches no picture: its address is a link", () => {
    const html = render("![words](https://example.com/x.png?q=secret)");
    expect(html).not.toContain("<img");
    expect(html).toContain('href="https://example.com/x.png?q=secret"');
  });

  it("opens links elsewhere, without telling where they were", () => {
    const html = render("https://example.com");
    expect(html).toContain('rel="noopener noreferrer nofollow"');
    expect(html).toContain('target="_blank"');
  });

  it("shows code with its language and a button to copy it", () => {
    const html = render("```py\na < b\n```");
    expect(html).toContain('data-language="py"');
    expect(html).toContain("a &lt; b");
    expect(html).toContain("data-copy");
    expect(render('```"><b>x\ny\n```')).not.toContain("<b>");
  });
});

describe("languages", () => {
  it("are known by their usual short names", () => {
    expect(["py", "TS", "c++", "klingon", "constructor"].map(languageOf)).toEqual([
      "python",
      "typescript",
      "cpp",
      null,
      null,
    ]);
  });
});

describe("a file's name", () => {
  it("is made of the title's letters and digits", () => {
    expect(fileName("Rivers & Light: Été!", "md")).toBe("rivers-light-été.md");
    expect(fileName("!?", "md")).toBe("conversation.md");
  });
});
