import type { JsonObject } from '@sonde/base';
import type { Graph, TaskNode } from '../graph.ts';

/** By step, its tasks counted, or task by task. */
export type GraphView = 'steps' | 'tasks';

interface Node {
  readonly id: string;
  readonly label: readonly string[];
  readonly kind: string;
  readonly tasks: number;
  readonly needs: readonly string[];
}

function nodesOf(graph: Graph, view: GraphView): readonly Node[] {
  if (view === 'tasks') {
    return graph.tasks.map((task) => ({
      id: task.id,
      label: [task.id, task.kind],
      kind: task.kind,
      tasks: 1,
      needs: task.needs,
    }));
  }
  const stepOf = new Map(graph.tasks.map((task) => [task.id, task.step]));
  const byStep = new Map<string, TaskNode[]>();
  for (const task of graph.tasks) {
    const tasks = byStep.get(task.step);
    if (tasks === undefined) byStep.set(task.step, [task]);
    else tasks.push(task);
  }
  return [...byStep].map(([step, tasks]) => {
    const needs = new Set(tasks.flatMap((task) => task.needs.map((need) => stepOf.get(need)!)));
    const kinds = [...new Set(tasks.map((task) => task.kind))].join(', ');
    const count = tasks.length === 1 ? [] : [`${tasks.length} tasks`];
    return { id: step, label: [step, kinds, ...count], kind: kinds, tasks: tasks.length, needs: [...needs].sort() };
  });
}

/** Characters that would end a label or be markup are written as entities. */
function entities(text: string): string {
  return text.replace(/[^\p{L}\p{N} _./:@=,+()-]/gu, (found) => `#${found.codePointAt(0)};`);
}

/** A Mermaid flow chart. */
export function graphToMermaid(graph: Graph, view: GraphView = 'steps'): string {
  const nodes = nodesOf(graph, view);
  const names = new Map(nodes.map((node, at) => [node.id, `n${at}`]));
  const lines = ['flowchart TD'];
  for (const node of nodes) lines.push(`  ${names.get(node.id)}["${node.label.map(entities).join('<br/>')}"]`);
  for (const node of nodes) for (const need of node.needs) lines.push(`  ${names.get(need)} --> ${names.get(node.id)}`);
  return `${lines.join('\n')}\n`;
}

/** A Graphviz digraph. */
export function graphToDot(graph: Graph, view: GraphView = 'steps'): string {
  const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  const lines = [`digraph ${quote(graph.name)} {`, '  node [shape=box];'];
  for (const node of nodesOf(graph, view)) {
    // A line break in a label is the two characters `\n`.
    const label = node.label.map((line) => quote(line).slice(1, -1)).join('\\n');
    lines.push(`  ${quote(node.id)} [label="${label}"];`);
    for (const need of node.needs) lines.push(`  ${quote(need)} -> ${quote(node.id)};`);
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

/** Nodes with what they need, as JSON. */
export function graphToJson(graph: Graph, view: GraphView = 'steps'): JsonObject {
  return {
    sonde: 1,
    pipeline: graph.name,
    nodes: nodesOf(graph, view).map(({ id, kind, tasks, needs }) => ({ id, kind, tasks, needs })),
  };
}
