import { UserError } from '@sonde/base';
import type { Graph, Node } from '@sonde/onnx';

/** Names of values that a node reads, those used inside its subgraphs among them. */
export function readsOf(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((attribute) =>
    attribute.kind === 'graph' ? outerValues(attribute.value) : [],
  );
  return [...node.inputs.filter((name) => name !== ''), ...inner];
}

function outerValues(graph: Graph): string[] {
  const own = new Set([
    ...graph.inputs.map(({ name }) => name),
    ...graph.initializers.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const used = [...graph.nodes.flatMap(readsOf), ...graph.outputs.map(({ name }) => name)];
  return used.filter((name) => !own.has(name));
}

/** Which node makes each value. */
export function producersOf(nodes: readonly Node[]): Map<string, number> {
  const producers = new Map<string, number>();
  nodes.forEach(({ outputs }, index) => {
    for (const name of outputs) if (name !== '') producers.set(name, index);
  });
  return producers;
}

/** Nodes so that each comes after those whose values it reads. @throws UserError if they go in a circle */
export function sortNodes(nodes: readonly Node[]): Node[] {
  const producers = producersOf(nodes);
  const waiting = nodes.map(() => 0);
  const readers: number[][] = nodes.map(() => []);
  nodes.forEach((node, index) => {
    for (const from of new Set(readsOf(node).map((name) => producers.get(name)))) {
      if (from === undefined) continue;
      waiting[index]!++;
      readers[from]!.push(index);
    }
  });
  const ready = waiting.flatMap((count, index) => (count === 0 ? [index] : []));
  for (const index of ready) {
    for (const reader of readers[index]!) if (--waiting[reader]! === 0) ready.push(reader);
  }
  if (ready.length < nodes.length) throw new UserError('model', 'Its nodes feed each other in a circle.');
  return ready.map((index) => nodes[index]!);
}
