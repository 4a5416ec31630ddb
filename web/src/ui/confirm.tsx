import { useLayoutEffect, useRef } from "preact/hooks";

interface Props {
  question: string;
  text: string;
  action: string;
  act: () => void;
  close: () => void;
}

/** A question before something that cannot be undone; the browser's own dialog keeps the focus. */
export function Confirm({ question, text, action, act, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="confirm" aria-labelledby="confirm-title" onClose={close}>
      <h2 id="confirm-title">{question}</h2>
      <p>{text}</p>
      <div class="buttons">
        <button type="button" class="secondary" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button
          type="button"
          class="primary danger"
          onClick={() => {
            dialog.current?.close();
            act();
          }}
        >
          {action}
        </button>
      </div>
    </dialog>
  );
}
