import { iso } from "./clock.mjs";

/** Two webhooks, one whose receiver went away. */
export function webhooksWorld() {
  const at = iso(Date.now() - 9 * 86_400_000);
  const hook = (id, name, target, topics, more) => ({ id, name, description: "", target, topics, active: true, last_failure: null, created_at: at, updated_at: at, ...more });
  return [
    hook("wh_1", "ci", "https://ci.example.com", ["model_version.created", "model_version_alias.created"], { description: "Runs the acceptance tests of a new champion" }),
    hook("wh_2", "chat", "https://chat.example.org", ["model_version_alias.created"], { last_failure: { at: iso(Date.now() - 3_400_000), why: "the receiver answered 503 Service Unavailable, 12 tries" } }),
    hook("wh_3", "old-portal", "https://portal.example.net", ["registered_model.created", "prompt.created", "prompt_version.created"], { active: false }),
  ];
}

export const webhookRoutes = (world) => [["GET", "/webhooks", () => ({ items: world.webhooks, next: null })]];
