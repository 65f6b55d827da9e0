import { type ReactNode, useMemo } from "react";
import { Empty } from "../../../kit/Feedback";
import { count } from "../../../kit/format";
import { Facts } from "../../../kit/Page";
import { type OnnxSummary, type OnnxValue, readOnnx } from "./readOnnx";

/** Inputs or outputs that are listed. */
const SHOWN = 60;

/** What a model file says of itself. */
export function Onnx({ bytes }: { bytes: Uint8Array }): ReactNode {
  const read = useMemo((): OnnxSummary | string => {
    try {
      return readOnnx(bytes);
    } catch (error) {
      return error instanceof Error ? error.message : "it cannot be read";
    }
  }, [bytes]);
  if (typeof read === "string") return <Empty title="No ONNX model">The file could not be read: {read}.</Empty>;
  return (
    <div className="onnx">
      <Facts wide items={[
        ["Made by", read.producer === "" ? "not said" : read.producer], ["Graph", read.graph], ["IR version", read.irVersion],
        ["Opset", [...new Set(read.opsets.map((each) => `${each.domain === "" ? "ai.onnx" : each.domain} ${each.version}`))].join(", ")], ["Nodes", count(read.nodes)], ["Numbers in weights", count(read.parameters)],
      ]} />
      <div className="cols-2">
        <Values title="Inputs" values={read.inputs} />
        <Values title="Outputs" values={read.outputs} />
      </div>
      <section>
        <h3>Operators</h3>
        <ul className="operators">{read.operators.map((each) => <li key={each.name}><code>{each.name}</code><b>{count(each.count)}</b></li>)}</ul>
      </section>
    </div>
  );
}

function Values({ title, values }: { title: string; values: OnnxValue[] }): ReactNode {
  return (
    <section>
      <h3>{title}</h3>
      <ul className="tensors">{values.slice(0, SHOWN).map((each) => <li key={each.name}><code className="truncate" title={each.name}>{each.name}</code><span className="muted small nowrap">{each.type} [{each.shape.join(", ")}]</span></li>)}{values.length > SHOWN && <li className="faint small">and {count(values.length - SHOWN)} more</li>}</ul>
    </section>
  );
}
