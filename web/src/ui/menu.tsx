import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

interface Entry {
  label: string;
  act: () => void;
  danger?: boolean;
}

interface Props {
  label: string;
  entries: Entry[];
  children: ComponentChildren;
  class?: string;
}

/** A button with a menu: arrow keys walk, Escape closes, the focus comes back. */
export function Menu({ label, entries, children, class: extra }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  useLayoutEffect(() => {
    if (!open) return;
    items(root.current)[0]?.focus();
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    const key = (event: KeyboardEvent) => walk(event, root, close);
    const here = root.current;
    addEventListener("pointerdown", outside);
    here?.addEventListener("keydown", key);
    return () => {
      removeEventListener("pointerdown", outside);
      here?.removeEventListener("keydown", key);
    };
  }, [open]);
  return (
    <div class={`menu ${extra ?? ""}`} ref={root}>
      <button
        ref={button}
        type="button"
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={label}
        onClick={() => setOpen(!open)}
      >
        {children}
      </button>
      {open && (
        <div role="menu" aria-label={label}>
          {entries.map((entry) => (
            <button
              key={entry.label}
              type="button"
              role="menuitem"
              class={entry.danger ? "danger" : ""}
              onClick={() => {
                close(true);
                entry.act();
              }}
            >
              {entry.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function items(root: HTMLElement | null): HTMLElement[] {
  return [...(root?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
}

function walk(
  event: KeyboardEvent,
  root: { current: HTMLElement | null },
  close: (refocus: boolean) => void,
): void {
  const all = items(root.current);
  if (!all.length) return;
  if (event.key === "Escape") {
    event.stopPropagation();
    close(true);
  }
  if (event.key === "Tab") close(false);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = all.indexOf(document.activeElement as HTMLElement);
  all[(at + step + all.length) % all.length]?.focus();
}
