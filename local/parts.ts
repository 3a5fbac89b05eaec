/** The stand-ins by name: what a child process may be asked to be. Each is loaded only in the process that is one. */

export const parts = {
  entra: async () => (await import('./entra/entra.ts')).startEntra,
  bus: async () => (await import('./bus/bus.ts')).startBus,
  vault: async () => (await import('./vault/vault.ts')).startVault,
  graph: async () => (await import('./graph/graph.ts')).startGraph,
  mail: async () => (await import('./mail.ts')).startMail,
  directory: async () => (await import('./directory/directory.ts')).startDirectory,
  azurite: async () => (await import('./azurite.ts')).startAzurite,
  host: async () => (await import('./host/host.ts')).startHost,
} as const

export type PartName = keyof typeof parts
type Start<N extends PartName> = Awaited<ReturnType<(typeof parts)[N]>>
export type OptionsOf<N extends PartName> = NonNullable<Parameters<Start<N>>[0]>
export type StandInOf<N extends PartName> = Awaited<ReturnType<Start<N>>>
