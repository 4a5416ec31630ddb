/** The page's own icons: strokes on a grid of 20, in the colour of the text. */

const PATHS = {
  branch: "M6 4v12M6 8h4a4 4 0 0 0 4-4M12 6l2-2 2 2",
  check: "m4 10.5 4 4 8-9",
  close: "m5 5 10 10M15 5 5 15",
  copy: "M7 7V4.5A1.5 1.5 0 0 1 8.5 3h7A1.5 1.5 0 0 1 17 4.500v7a1.5 1.5 0 0 1-1.5 1.500H13M4.5 7h7A1.5 1.5 0 0 1 13 8.500v7a1.5 1.5 0 0 1-1.5 1.500h-7A1.5 1.5 0 0 1 3 15.500v-7A1.5 1.5 0 0 1 4.5 7Z",
  down: "M10 4v12m0 0 5-5m-5 5-5-5",
  edit: "m12.5 4.5 3 3L7 16l-4 1 1-4 8.5-8.500Z",
  hood: "M3 17V9M8 17V4M13 17v-6M18 17V7",
  left: "m12 5-5 5 5 5",
  menu: "M3 5.500h14M3 10h14M3 14.500h14",
  moon: "M16.5 12.500A7 7 0 0 1 7.5 3.500a7 7 0 1 0 9 9Z",
  more: "M4.5 10h.01M10 10h.01M15.5 10h.01",
  plus: "M10 4v12M4 10h12",
  redo: "M16 10a6 6 0 1 1-1.8-4.300L16 7.500M16 3.500v4h-4",
  right: "m8 5 5 5-5 5",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12Zm4.5-1.500L17 17",
  send: "M10 16V4m0 0L5 9m5-5 5 5",
  stop: "M6 6h8v8H6z",
  sun: "M10 13.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 2v1.500M10 16.500V18M2 10h1.500M16.5 10H18M4.3 4.300l1.1 1.100M14.6 14.600l1.1 1.100M4.3 15.700l1.1-1.100M14.6 5.400l1.1-1.1",
  thumbDown:
    "M13.5 11.500V3.500h2A1.5 1.5 0 0 1 17 5v5a1.5 1.5 0 0 1-1.5 1.500h-2Zm0 0L10 17a2 2 0 0 1-2-2v-2.500H4.600a1.5 1.5 0 0 1-1.5-1.800l1-5.200A2 2 0 0 1 6 3.500h7.5",
  thumbUp:
    "M6.5 8.500v8h-2A1.5 1.5 0 0 1 3 15v-5a1.5 1.5 0 0 1 1.5-1.500h2Zm0 0L10 3a2 2 0 0 1 2 2v2.500h3.400a1.5 1.5 0 0 1 1.5 1.800l-1 5.200a2 2 0 0 1-1.9 2H6.5",
  user: "M10 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6Zm-6 7a6 6 0 0 1 12 0",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon: IconName;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
  class?: string;
}

/** A button that shows an icon alone; its label is its name. */
export function IconButton({ icon, label, onClick, pressed, disabled, class: extra }: ButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${extra ?? ""}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <g fill="#fff">
        <rect x="7" y="7" width="8" height="8" rx="2" />
        <rect x="17" y="7" width="8" height="8" rx="2" opacity=".75" />
        <rect x="7" y="17" width="8" height="8" rx="2" opacity=".75" />
        <rect x="17" y="17" width="8" height="8" rx="2" opacity=".35" />
      </g>
    </svg>
  );
}
