/** Ridge by the normal equations and Gaussian elimination: an independent, slow reference for small problems. */
export function naiveRidge(x: number[][], y: number[], penalty: number, scale: boolean) {
  const d = x[0]!.length;
  const mean = column(x, d, (values) => average(values));
  const sd = column(x, d, (values, j) => (scale ? Math.sqrt(average(values.map((v) => (v - mean[j]!) ** 2))) : 1));
  const z = x.map((row) => row.map((value, j) => (value - mean[j]!) / sd[j]!));
  const yMean = average(y);
  const a = Array.from({ length: d }, (_, i) => [
    ...Array.from({ length: d }, (_, j) => z.reduce((s, row) => s + row[i]! * row[j]!, i === j ? penalty : 0)),
    z.reduce((s, row, r) => s + row[i]! * (y[r]! - yMean), 0),
  ]);
  const w = eliminate(a).map((value, j) => value / sd[j]!);
  const predict = (row: number[]) => yMean + row.reduce((s, value, j) => s + (value - mean[j]!) * w[j]!, 0);
  return { weights: w, predict };
}

export function average(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function column(x: number[][], d: number, of: (values: number[], j: number) => number): number[] {
  return Array.from({ length: d }, (_, j) =>
    of(
      x.map((row) => row[j]!),
      j,
    ),
  );
}

function eliminate(a: number[][]): number[] {
  const n = a.length;
  for (let i = 0; i < n; i++) {
    const best = a.slice(i).reduce((b, row, k) => (Math.abs(row[i]!) > Math.abs(a[b]![i]!) ? i + k : b), i);
    [a[i], a[best]] = [a[best]!, a[i]!];
    for (let r = i + 1; r < n; r++) {
      const factor = a[r]![i]! / a[i]![i]!;
      for (let c = i; c <= n; c++) a[r]![c] = a[r]![c]! - factor * a[i]![c]!;
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    x[i] = (a[i]![n]! - a[i]!.slice(i + 1, n).reduce((s, v, k) => s + v * x[i + 1 + k]!, 0)) / a[i]![i]!;
  }
  return x;
}
