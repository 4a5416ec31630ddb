import type { Receipt } from "../api/types";
import { receiptView } from "../chat/receipt";

/** What the answer took: a bar of what was warm, and a few numbers. */
export function ReceiptLine({ receipt }: { receipt: Receipt | undefined }) {
  const view = receiptView(receipt);
  if (!view) return null;
  return (
    <p class="receipt" title={view.detail} data-testid="receipt">
      {view.warm !== null && (
        <span class="warm-bar" aria-hidden="true">
          <span style={{ width: `${Math.round(view.warm * 100)}%` }} />
        </span>
      )}
      {view.parts.map((part) => (
        <span key={part}>{part}</span>
      ))}
    </p>
  );
}
