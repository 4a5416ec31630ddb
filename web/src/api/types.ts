/** The API's nouns, as GET /v1/openapi.json describes them. */

export type Role = "user" | "assistant";
export type Status = "streaming" | "complete" | "stopped" | "error";
export type Rating = "up" | "down";

export interface Receipt {
  prompt_tokens?: number;
  cached_tokens?: number;
  completion_tokens?: number;
  queue_ms?: number;
  prefill_ms?: number;
  decode_ms?: number;
  total_ms?: number;
  ttft_ms?: number;
  instance?: string;
  backend?: string;
  attempts?: number;
  continuations?: number;
  takeovers?: number;
}

export interface Message {
  seq: number;
  parent: number;
  role: Role;
  content: string;
  status: Status;
  created_ms: number;
  event_seq?: number;
  finish_reason?: string;
  error?: { code: string };
  receipt?: Receipt;
  feedback?: { rating: Rating; comment?: string };
}

export interface Summary {
  id: string;
  title: string;
  created_ms: number;
  updated_ms: number;
  model: string;
}

export interface Conversation extends Summary {
  system: string;
  head: number;
  version: number;
  answering: number | null;
  totals: { turns: number; input_tokens: number; cached_tokens: number; output_tokens: number };
}

/** One branch of a conversation: what is shown. `variants` names the siblings of its messages. */
export interface Branch {
  conversation: Conversation;
  messages: Message[];
  variants: Record<number, number[]>;
}

export interface Page {
  conversations: Summary[];
  cursor: string | null;
}

export interface ErrorBody {
  code: string;
  message: string;
  retry_after_ms?: number | null;
  details?: Record<string, unknown>;
}

export interface TurnOpening {
  conversation_id: string;
  user: Message | null;
  answer: { seq: number; parent: number };
  duplicate: boolean;
}

export interface Ending {
  answer: Message;
  conversation: Conversation;
  error?: ErrorBody;
}

/** What a turn's stream tells. `id` is 0 where the event has none. */
export type TurnEvent =
  | { kind: "turn"; id: number; data: TurnOpening }
  | { kind: "delta" | "reset"; id: number; data: { text: string } }
  | { kind: "done" | "stopped" | "error"; id: number; data: Ending }
  | { kind: "title"; id: number; data: { title: string } };
