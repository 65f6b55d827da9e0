/** The search language over runs, as far as the mock needs it: comparisons, AND, OR, NOT, parentheses. */
const TOKEN = /\s*('(?:[^']|'')*'|[<>=!]+|[(),]|(?:`[^`]*`|"[^"]*"|[^\s<>=!(),'`"])+)/y;

function tokens(text) {
  const found = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== "") {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Error(`Invalid clause(s) in filter string: a quote is not closed in "${text.slice(at).trim()}"`);
    found.push(match[1]);
  }
  return found;
}

/** `metrics.\`val/loss\`` as `["metrics", "val/loss"]`. */
export function fieldOf(word) {
  const bare = word.replaceAll(/[`"]/g, "");
  const dot = bare.indexOf(".");
  const entity = dot < 0 ? "attributes" : bare.slice(0, dot);
  const key = dot < 0 ? bare : bare.slice(dot + 1);
  const groups = { metric: "metrics", metrics: "metrics", param: "params", params: "params", parameters: "params", tag: "tags", tags: "tags", attribute: "attributes", attributes: "attributes", run: "attributes" };
  if (groups[entity] === undefined) throw new Error(`Invalid entity type '${entity}'. Valid entity types are ['metric', 'parameter', 'tag', 'attribute']`);
  return [groups[entity], key];
}

const ATTRIBUTES = { status: (run) => run.status, run_name: (run) => run.name, run_id: (run) => run.run_id, user_id: (run) => run.user, start_time: (run) => Date.parse(run.started_at), end_time: (run) => (run.ended_at === null ? undefined : Date.parse(run.ended_at)), artifact_uri: () => "" };

export function valueAt(run, [group, key]) {
  if (group === "attributes") {
    if (ATTRIBUTES[key] === undefined) throw new Error(`Invalid attribute key '${key}' specified. Valid keys are '${JSON.stringify(Object.keys(ATTRIBUTES).toSorted()).replaceAll('"', "'")}'`);
    return ATTRIBUTES[key](run);
  }
  if (group === "metrics") {
    const value = run.metricAt === undefined ? run.metrics[key]?.value : run.metricAt(key)?.value;
    return value === undefined ? undefined : Number(value);
  }
  return run[group][key];
}

/** A test of a run, or an error with the server's kind of words. */
export function parse(text) {
  const read = tokens(text);
  let at = 0;
  const is = (word) => read[at]?.toUpperCase() === word && (at += 1) > 0;
  const rest = () => new Error(`Invalid clause(s) in filter string: '${read.slice(at).join(" ")}'`);
  const either = () => {
    const tests = [both()];
    while (is("OR")) tests.push(both());
    return (run) => tests.some((test) => test(run));
  };
  const both = () => {
    const tests = [one()];
    while (is("AND")) tests.push(one());
    return (run) => tests.every((test) => test(run));
  };
  const one = () => {
    if (is("NOT")) {
      const test = one();
      return (run) => !test(run);
    }
    if (is("(")) {
      const test = either();
      if (!is(")")) throw rest();
      return test;
    }
    return comparison();
  };
  const comparison = () => {
    const start = at;
    const field = fieldOf(read[at++] ?? "");
    valueAt({ metrics: {}, params: {}, tags: {}, ended_at: null }, field);
    if (is("IS")) {
      const not = is("NOT");
      if (!is("NULL")) throw rest();
      return (run) => (valueAt(run, field) === undefined) !== not;
    }
    const no = is("NOT");
    const op = read[at++]?.toUpperCase();
    if (op === "IN") {
      const list = [];
      if (!is("(")) throw rest();
      while (!is(")")) {
        if (read[at] === undefined) throw rest();
        if (read[at] !== ",") list.push(textOf(read[at]));
        at += 1;
      }
      return (run) => valueAt(run, field) !== undefined && list.includes(valueAt(run, field)) !== no;
    }
    if (op === undefined || read[at] === undefined || !["=", "!=", "<", "<=", ">", ">=", "LIKE", "ILIKE"].includes(op)) {
      at = start;
      throw rest();
    }
    const word = read[at++];
    const wanted = field[0] === "metrics" || field[1].endsWith("_time") ? Number(word) : textOf(word);
    if (Number.isNaN(wanted)) throw new Error(`Expected numeric value type for ${field[0].replace(/s$/, "")}. Found ${word}`);
    return (run) => compare(valueAt(run, field), op, wanted);
  };
  if (read.length === 0) return () => true;
  const test = either();
  if (at < read.length) throw rest();
  return test;
}

const textOf = (word) => (word.startsWith("'") ? word.slice(1, -1).replaceAll("''", "'") : word.replaceAll(/[`"]/g, ""));

function compare(value, op, wanted) {
  if (value === undefined) return false;
  switch (op) {
    case "=": return value === wanted;
    case "!=": return value !== wanted;
    case "<": return value < wanted;
    case "<=": return value <= wanted;
    case ">": return value > wanted;
    case ">=": return value >= wanted;
    default: return new RegExp(`^${wanted.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll("%", ".*").replaceAll("_", ".")}$`, op === "ILIKE" ? "i" : "").test(value);
  }
}
