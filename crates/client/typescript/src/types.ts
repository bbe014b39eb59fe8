/** Answers of the ledger, as they come. Counts are whole numbers, money is a decimal text; fields may be added. */

export type Verdict = "allow" | "warn" | "block";
export type AllocationState = "open" | "refused" | "released" | "expired";

/** Tokens and money. */
export interface Amount {
  tokens: number;
  usd: string;
}

/** A limit; what is absent is not limited. */
export interface Limit {
  tokens?: number;
  usd?: string;
}

/** Usage compared with its limit. */
export interface Utilization {
  used: number;
  limit: number;
  percent?: number;
}

/** The gate's answer. It is recorded before it is returned. */
export interface GateDecision {
  tenant: string;
  task: string;
  advance_to: string;
  verdict: Verdict;
  /** The rules' verdict before rollout, switches and overrides soften it. */
  ruled: Verdict;
  reasons: { code: string; verdict: Verdict; message: string }[];
  requirements: string[];
  tokens?: Utilization;
  latency_ms?: Utilization;
  active?: string;
  remaining_tokens?: number;
  remaining_latency_ms?: number;
  config_hash: string;
  rollout: string;
  as_of: string;
  stale: boolean;
  policies?: string[];
  policies_unknown?: boolean;
  progress?: Record<string, unknown>;
  position?: string;
  report: string;
}

/** How a policy stands, and what it says to a request. */
export interface PolicyFigures {
  policy: string;
  version: number;
  window_from?: string;
  window_to?: string;
  of?: string;
  limit: Limit;
  booked?: Amount;
  reserved?: Amount;
  unpriced?: Amount;
  unpriced_units?: Record<string, number>;
  remaining?: Limit;
  ruling: string;
  retry_at?: string;
  sentence: string;
}

/** Whether something may be spent. Nothing is reserved. */
export interface Check {
  allowed: boolean;
  instead?: string;
  amount: Amount;
  priced: boolean;
  similar_model?: string;
  policies: PolicyFigures[];
  as_of: string;
}

/** An allocation, or the refusal of one. */
export interface Allocation {
  allocation: string;
  tenant: string;
  state: AllocationState;
  context?: string;
  task?: string;
  phase?: string;
  component?: string;
  provider?: string;
  model?: string;
  instead_of?: string;
  labels?: Record<string, string>;
  priority: number;
  amount: Amount;
  priced: boolean;
  used: Amount;
  remaining: Amount;
  released: Amount;
  expired: Amount;
  overrun: Amount;
  expires_at: string;
  decided_at: string;
  policies: PolicyFigures[];
  repeated: boolean;
  as_of: string;
}

/** What is to be spent, and for what. */
export interface SpendRequest {
  task?: string;
  phase?: string;
  component?: string;
  provider?: string;
  model?: string;
  labels?: Record<string, string>;
  context?: string;
  priority?: number;
  service_tier?: string;
  /** How many tokens (default: by the label `task_type` and the priority). */
  tokens?: number;
  /** How many of them are input, if that is known. */
  input_tokens?: number;
  units?: Record<string, number>;
  /** How much money, as a decimal text: a number is not exact. */
  usd?: string;
  wait_ms?: number;
}

/** What became of one event. */
export interface EventOutcome {
  id: string;
  outcome: "appended" | "duplicate" | "conflict" | "refused" | "ignored";
  sequence?: number;
  code?: string;
  detail?: string;
  attempt?: number;
  warnings?: string[];
}

/** Outcomes of an append. */
export interface Appended {
  outcomes: EventOutcome[];
  position: string;
  durability: string;
  dedup: string;
}
