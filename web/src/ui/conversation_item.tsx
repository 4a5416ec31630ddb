import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../api/errors";
import type { Summary } from "../api/types";
import { remove, rename } from "../chat/conversations";
import { saveConversation } from "../chat/export";
import { openId, tell, titleOf } from "../chat/state";
import { navigate, pathOf, route } from "../router";
import { Confirm } from "./confirm";
import { Icon } from "./icons";
import { Menu } from "./menu";

/** One line of the list: a link, and a menu beside it. */
export function ConversationItem({ one }: { one: Summary }) {
  const [mode, setMode] = useState<"shown" | "renaming" | "deleting">("shown");
  const back = () => setMode("shown");
  if (mode === "renaming") return <Renaming one={one} back={back} />;
  const title = titleOf(one);
  const current = route.value.view === "chat" && openId.value === one.id;
  return (
    <li class={`conversation ${current ? "current" : ""}`}>
      <a
        href={pathOf(one.id)}
        title={title}
        aria-current={current ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return;
          event.preventDefault();
          navigate(pathOf(one.id));
        }}
      >
        {title}
      </a>
      <Menu
        label={`More for ${title}`}
        entries={[
          { label: "Rename", act: () => setMode("renaming") },
          { label: "Save as Markdown", act: () => saveAsMarkdown(one.id) },
          { label: "Delete", act: () => setMode("deleting"), danger: true },
        ]}
      >
        <Icon name="more" />
      </Menu>
      {mode === "deleting" && (
        <Confirm
          question={`Delete “${title}”?`}
          text="It is gone for good, here and everywhere."
          action="Delete"
          act={() => void remove(one.id)}
          close={back}
        />
      )}
    </li>
  );
}

function saveAsMarkdown(id: string): void {
  saveConversation(id).catch((error: unknown) => tell(sentence(error)));
}

function Renaming({ one, back }: { one: Summary; back: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.select(), []);
  const done = () => {
    const title = input.current?.value.trim();
    if (title && title !== one.title) void rename(one.id, title);
    back();
  };
  return (
    <li class="conversation">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          done();
        }}
      >
        <input
          ref={input}
          aria-label="Title"
          defaultValue={one.title}
          maxLength={200}
          onBlur={done}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            back();
          }}
        />
      </form>
    </li>
  );
}
