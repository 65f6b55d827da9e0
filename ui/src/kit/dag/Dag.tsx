import { type ReactNode, useMemo } from "react";
import { Link } from "react-router-dom";
import { useWidth } from "../chart/useWidth";
import { type GraphNode, layout } from "./layout";

export interface DagNode extends GraphNode {
  /** A press on it calls `onPick`, or follows `to`. */
  to?: string | null;
  content: ReactNode;
  className?: string;
}

interface DagProps {
  label: string;
  nodes: DagNode[];
  picked?: string | null;
  onPick?: (id: string) => void;
  nodeWidth?: number;
  nodeHeight?: number;
  /** Edges that are being worked on now run. */
  active?: (from: string, to: string) => boolean;
}

const MIN_GAP_X = 28;
const MAX_GAP_X = 140;
const GAP_Y = 16;
const PAD = 2;
/** The padding of the box that scrolls, both sides. */
const BOX_PAD = 28;

/** A graph from left to right: the edges are SVG, the nodes HTML, so that their text wraps, copies and takes focus as text does. */
export function Dag({ label, nodes, picked = null, onPick, nodeWidth = 188, nodeHeight = 76, active }: DagProps): ReactNode {
  const graph = useMemo(() => layout(nodes), [nodes]);
  const [box, room] = useWidth<HTMLDivElement>();
  const free = (room - BOX_PAD - PAD * 2 - graph.layers * nodeWidth) / Math.max(1, graph.layers - 1);
  const gapX = Math.min(MAX_GAP_X, Math.max(MIN_GAP_X, free));
  const place = new Map(graph.nodes.map((node) => [node.id, {
    x: PAD + node.layer * (nodeWidth + gapX),
    y: PAD + node.slot * (nodeHeight + GAP_Y),
  }]));
  const width = PAD * 2 + graph.layers * nodeWidth + Math.max(0, graph.layers - 1) * gapX;
  const height = PAD * 2 + graph.slots * nodeHeight + (graph.slots - 1) * GAP_Y;
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="dag-box" ref={box} role="group" aria-label={label} tabIndex={0}>
      <div className="dag" style={{ width, height }}>
        <svg width={width} height={height} aria-hidden="true">
          {graph.edges.map((edge) => {
            const from = place.get(edge.from);
            const to = place.get(edge.to);
            if (from === undefined || to === undefined) return null;
            return (
              <path key={`${edge.from}>${edge.to}`} className={active?.(edge.from, edge.to) ? "edge active" : "edge"}
                d={curve(from.x + nodeWidth, from.y + nodeHeight / 2, to.x, to.y + nodeHeight / 2)} />
            );
          })}
        </svg>
        {nodes.map((node) => {
          const at = place.get(node.id) ?? { x: 0, y: 0 };
          const shared = {
            className: `dag-node ${node.className ?? ""} ${picked === node.id ? "picked" : ""}`,
            style: { left: at.x, top: at.y, width: nodeWidth, height: nodeHeight },
          };
          if (onPick !== undefined) {
            return (
              <button key={node.id} type="button" {...shared} aria-pressed={picked === node.id} onClick={() => onPick(node.id)}>
                {node.content}
              </button>
            );
          }
          if (node.to) return <Link key={node.id} to={node.to} {...shared}>{node.content}</Link>;
          return <div key={node.id} {...shared}>{node.content}</div>;
        })}
      </div>
    </div>
  );
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const bend = Math.max(18, (x2 - x1) / 2);
  return `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
}
