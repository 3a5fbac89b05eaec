/** Percentiles of samples, in the form every bench prints. Absolute times on shared machines are noise: read the ratios. */

export interface Spread {
  p50: number
  p99: number
}

export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (share: number) => round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN)
  return { p50: at(0.5), p99: at(0.99) }
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits))

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}
