/** A process of its own: loads the app in the folder it is given as the Functions host does, says what it registered, ends. */
import { loadApp, locate } from '../local/host/app.ts'
import { type HostJson, readHostJson } from '../local/host/host-json.ts'
import type { FunctionMetadata } from '../local/host/rpc.ts'
import { problemsOf } from '../local/host/validate.ts'

export interface Loaded {
  functions: FunctionMetadata[]
  hostJson: HostJson
  /** Why the real host would not run it. */
  problems: string[]
}

const located = locate({ appFolder: process.argv[2] ?? '' })
const app = await loadApp(located, () => {})
const loaded: Loaded = {
  functions: app.functions.map(({ metadata }) => metadata),
  hostJson: located.hostJson,
  problems: problemsOf(app.functions, readHostJson(located.hostJson, {})),
}
await app.close()
process.send?.(loaded, () => process.exit(0))
