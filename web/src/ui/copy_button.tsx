import { useState } from "preact/hooks";
import { tell } from "../chat/state";
import { IconButton } from "./icons";

export function CopyButton({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  const act = async () => {
    if (!(await copy(text))) return;
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  const label = copied ? "Copied" : "Copy";
  return <IconButton icon={copied ? "check" : "copy"} label={label} onClick={() => void act()} />;
}

/** Whether the text is in the clipboard now. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    tell("The browser does not allow copying here.");
    return false;
  }
}
