/**
 * The few fields of an ONNX file that say what the model is: who made it, operators, inputs, outputs. A reader of protocol buffers
 * that goes through the bytes once, skips what it does not know and follows nothing deeper than it names.
 */

export interface OnnxValue {
  name: string;
  type: string;
  shape: string[];
}

export interface OnnxSummary {
  irVersion: number;
  producer: string;
  graph: string;
  opsets: { domain: string; version: number }[];
  inputs: OnnxValue[];
  outputs: OnnxValue[];
  operators: { name: string; count: number }[];
  nodes: number;
  /** Numbers in the weights. */
  parameters: number;
}

/** Characters of a name that are kept. */
const NAME = 200;
/** Inputs, outputs and kinds of operators that are kept. */
const KEPT = 1000;

const TYPES = ["", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1"];

export class NotOnnx extends Error {}

interface Field {
  number: number;
  /** The value of a number; 0 for bytes. */
  value: number;
  from: number;
  to: number;
}

/** Goes through the fields of one message. Every step moves on, so the work is bounded by the bytes. */
function* fields(bytes: Uint8Array, from: number, to: number): Generator<Field> {
  let at = from;
  const varint = (): number => {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index += 1) {
      const byte = bytes[at];
      if (at >= to || byte === undefined) throw new NotOnnx("it ends within a number");
      at += 1;
      const part = byte & 0x7f;
      if (index < 4) low += part * 2 ** (7 * index);
      else high += part * 2 ** (7 * (index - 4));
      if (byte < 0x80) {
        // Negative numbers have all of their 64 bits.
        const whole = low + high * 2 ** 28;
        return index === 9 ? -1 : whole;
      }
    }
    throw new NotOnnx("a number is too long");
  };
  while (at < to) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (number === 0) throw new NotOnnx("a field has no number");
    if (wire === 0) yield { number, value: varint(), from: at, to: at };
    else if (wire === 2) {
      const length = varint();
      if (length < 0 || length > to - at) throw new NotOnnx("a part is longer than the file");
      yield { number, value: 0, from: at, to: at + length };
      at += length;
    } else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
      if (at > to) throw new NotOnnx("it ends within a number");
    } else throw new NotOnnx("a field is of no known kind");
  }
}

export function readOnnx(bytes: Uint8Array): OnnxSummary {
  const model: OnnxSummary = { irVersion: 0, producer: "", graph: "", opsets: [], inputs: [], outputs: [], operators: [], nodes: 0, parameters: 0 };
  let version = "";
  let graphs = 0;
  for (const field of fields(bytes, 0, bytes.length)) {
    if (field.number === 1) model.irVersion = field.value;
    else if (field.number === 2) model.producer = text(bytes, field);
    else if (field.number === 3) version = text(bytes, field);
    else if (field.number === 7) {
      graphs += 1;
      readGraph(bytes, field, model);
    } else if (field.number === 8 && model.opsets.length < KEPT) model.opsets.push(opsetOf(bytes, field));
  }
  if (graphs !== 1) throw new NotOnnx("it holds no graph");
  if (version !== "") model.producer = `${model.producer} ${version}`.trim();
  return model;
}

function readGraph(bytes: Uint8Array, graph: Field, into: OnnxSummary): void {
  const operators = new Map<string, number>();
  const weights = new Set<string>();
  for (const field of fields(bytes, graph.from, graph.to)) {
    if (field.number === 1) {
      into.nodes += 1;
      const name = operatorOf(bytes, field);
      if (operators.has(name) || operators.size < KEPT) operators.set(name, (operators.get(name) ?? 0) + 1);
    } else if (field.number === 2) into.graph = text(bytes, field);
    else if (field.number === 5) {
      const weight = weightOf(bytes, field);
      into.parameters += weight.size;
      weights.add(weight.name);
    } else if (field.number === 11 && into.inputs.length < KEPT) into.inputs.push(valueOf(bytes, field));
    else if (field.number === 12 && into.outputs.length < KEPT) into.outputs.push(valueOf(bytes, field));
  }
  // Older files list their weights among the inputs.
  into.inputs = into.inputs.filter((input) => !weights.has(input.name));
  into.operators = [...operators].map(([name, count]) => ({ name, count })).toSorted((a, b) => b.count - a.count || a.name.localeCompare(b.name));
}

const text = (bytes: Uint8Array, field: Field): string => new TextDecoder().decode(bytes.subarray(field.from, Math.min(field.to, field.from + NAME)));

function opsetOf(bytes: Uint8Array, of: Field): { domain: string; version: number } {
  const opset = { domain: "", version: 0 };
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 1) opset.domain = text(bytes, field);
    else if (field.number === 2) opset.version = field.value;
  }
  return opset;
}

function operatorOf(bytes: Uint8Array, of: Field): string {
  let name = "";
  let domain = "";
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 4) name = text(bytes, field);
    else if (field.number === 7) domain = text(bytes, field);
  }
  return domain === "" || domain === "ai.onnx" ? name : `${domain}.${name}`;
}

function weightOf(bytes: Uint8Array, of: Field): { name: string; size: number } {
  const weight = { name: "", size: 1 };
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 8) weight.name = text(bytes, field);
    // Dimensions stand alone or packed together.
    else if (field.number === 1 && field.to === field.from) weight.size *= field.value;
    else if (field.number === 1) for (const value of packed(bytes, field)) weight.size *= value;
  }
  return weight;
}

function* packed(bytes: Uint8Array, of: Field): Generator<number> {
  let value = 0;
  let shift = 0;
  for (let at = of.from; at < of.to; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    shift += 7;
    if (byte < 0x80) {
      yield value;
      value = 0;
      shift = 0;
    }
  }
}

/** ValueInfoProto: a name, and a type that is a tensor, or a sequence or map of which only that is told. */
function valueOf(bytes: Uint8Array, of: Field): OnnxValue {
  const value: OnnxValue = { name: "", type: "unknown", shape: [] };
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 1) value.name = text(bytes, field);
    else if (field.number === 2) {
      for (const type of fields(bytes, field.from, field.to)) {
        if (type.number === 1) readTensor(bytes, type, value);
        else if (type.number === 4) value.type = "sequence";
        else if (type.number === 5) value.type = "map";
        else if (type.number === 8) value.type = "sparse tensor";
        else if (type.number === 9) value.type = "optional";
      }
    }
  }
  return value;
}

function readTensor(bytes: Uint8Array, of: Field, into: OnnxValue): void {
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 1) into.type = TYPES[field.value] || `type ${field.value}`;
    else if (field.number === 2) {
      for (const dimension of fields(bytes, field.from, field.to)) if (dimension.number === 1 && into.shape.length < KEPT) into.shape.push(dimensionOf(bytes, dimension));
    }
  }
}

function dimensionOf(bytes: Uint8Array, of: Field): string {
  let found = "any";
  for (const field of fields(bytes, of.from, of.to)) {
    if (field.number === 1) found = field.value < 0 ? "any" : String(field.value);
    else if (field.number === 2) found = text(bytes, field) || "any";
  }
  return found;
}
