/** A layered layout for small directed acyclic graphs: pipelines and lineages of up to some dozens of nodes. */

export interface GraphNode {
  id: string;
  needs: string[];
}

export interface Placed {
  id: string;
  layer: number;
  /** Place in the layer; fractions keep a short layer in the middle of a long one. */
  slot: number;
}

export interface Edge {
  from: string;
  to: string;
}

export interface Layout {
  nodes: Placed[];
  edges: Edge[];
  layers: number;
  slots: number;
}

/** How often the order within the layers is improved, left to right and back. */
const SWEEPS = 6;

/**
 * Longest-path layering, transitive reduction, then barycentre sweeps to lessen crossings (Sugiyama, Tagawa and Toda 1981). Needs that name no node and
 * needs that would close a cycle are left out rather than drawn wrong.
 */
export function layout(graph: GraphNode[]): Layout {
  const known = new Map(graph.map((node) => [node.id, node]));
  const layerOf = new Map<string, number>();
  const edges: Edge[] = [];

  function place(id: string, path: Set<string>): number {
    const done = layerOf.get(id);
    if (done !== undefined) return done;
    path.add(id);
    let layer = 0;
    for (const need of new Set(known.get(id)?.needs)) {
      if (!known.has(need) || path.has(need)) continue;
      layer = Math.max(layer, place(need, path) + 1);
      edges.push({ from: need, to: id });
    }
    path.delete(id);
    layerOf.set(id, layer);
    return layer;
  }
  for (const node of graph) place(node.id, new Set());

  const drawn = reduce(edges);
  const layers: string[][] = [];
  for (const node of graph) {
    const layer = layerOf.get(node.id) ?? 0;
    (layers[layer] ??= []).push(node.id);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) improve(layers, drawn, sweep % 2 === 0);

  const slots = Math.max(1, ...layers.map((layer) => layer.length));
  const nodes = layers.flatMap((ids, layer) => ids.map((id, index) => ({ id, layer, slot: index + (slots - ids.length) / 2 })));
  return { nodes, edges: drawn, layers: layers.length, slots };
}

/** Leaves out an edge that a longer way already shows: `prepare -> register` beside `prepare -> train -> register`. */
function reduce(edges: Edge[]): Edge[] {
  const after = new Map<string, string[]>();
  for (const edge of edges) after.set(edge.from, [...(after.get(edge.from) ?? []), edge.to]);
  const reaches = (from: string, to: string, seen: Set<string>): boolean =>
    (after.get(from) ?? []).some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  return edges.filter((edge) => !(after.get(edge.from) ?? []).some((next) => next !== edge.to && reaches(next, edge.to, new Set())));
}

function improve(layers: string[][], edges: Edge[], forward: boolean): void {
  const slot = new Map<string, number>();
  for (const layer of layers) layer.forEach((id, index) => slot.set(id, index - (layer.length - 1) / 2));
  const order = forward ? layers : layers.toReversed();
  for (const layer of order) {
    const weight = new Map<string, number>();
    for (const id of layer) {
      const near = edges.filter((edge) => (forward ? edge.to : edge.from) === id).map((edge) => slot.get(forward ? edge.from : edge.to) ?? 0);
      weight.set(id, near.length === 0 ? (slot.get(id) ?? 0) : near.reduce((sum, each) => sum + each, 0) / near.length);
    }
    layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
    layer.forEach((id, index) => slot.set(id, index - (layer.length - 1) / 2));
  }
}
