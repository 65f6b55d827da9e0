export interface Status {
  name: string;
  version: string;
  home: string;
  started_at: string;
  auth: "none" | "token";
  at_rest: boolean;
  work: { outbox_lag: number; jobs_ready: number; jobs_running: number; jobs_retrying: number; busy: string | null };
}

export interface Project {
  name: string;
  root: string;
  digest: string;
  applied_at: string;
}
