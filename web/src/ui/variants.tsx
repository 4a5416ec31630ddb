import { choose } from "../chat/conversations";
import { branch, busy } from "../chat/state";
import { placeOf } from "../chat/turn";
import { IconButton } from "./icons";

/** `< 2/3 >`: the ways beside this one. */
export function Variants({ seq }: { seq: number }) {
  const place = branch.value && placeOf(branch.value, seq);
  if (!place) return null;
  const to = (other: number | null) => () => void (other && choose(other));
  return (
    <fieldset class="variants" aria-label="Versions">
      <IconButton
        icon="left"
        label="Previous version"
        disabled={busy.value || !place.previous}
        onClick={to(place.previous)}
      />
      <span>
        {place.index}/{place.count}
      </span>
      <IconButton
        icon="right"
        label="Next version"
        disabled={busy.value || !place.next}
        onClick={to(place.next)}
      />
    </fieldset>
  );
}
