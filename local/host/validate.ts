/**
 * What the real host refuses at start, refused here before anything listens.
 *
 * The host puts a bad function "in error" and starts the rest (azure-functions-host, ScriptHost.ValidateFunction); for a
 * laptop and CI one error that lists every problem is better. Also refused: what this stand-in does not run at all.
 */
import type { HostConfiguration } from './host-json.ts'
import { triggerOf } from './invoke.ts'
import type { FunctionMetadata, RegisteredFunction } from './rpc.ts'

/** Trigger types this host runs, and whether the real one loads them from an extension bundle. */
const triggers: Record<string, { bundled: boolean }> = {
  httptrigger: { bundled: false },
  timertrigger: { bundled: false },
  servicebustrigger: { bundled: true },
  queuetrigger: { bundled: true },
}

/** azure-functions-host, Utility.FunctionNameValidationRegex. */
const functionName = /^[a-z][a-z0-9_-]{0,127}$/i

export const routeOf = (target: RegisteredFunction): string => {
  const { route } = triggerOf(target).binding
  return typeof route === 'string' && route.trim() !== '' ? route : target.metadata.name
}

export const methodsOf = (target: RegisteredFunction): string[] =>
  ((triggerOf(target).binding['methods'] as string[] | undefined) ?? []).map((method) => method.toUpperCase())

export const isTrigger = (target: RegisteredFunction, type: string): boolean => triggerOf(target).binding.type.toLowerCase() === type

function bindingProblems({ name, bindings, retryOptions }: FunctionMetadata): string[] {
  const problems = []
  const all = Object.values(bindings)
  const types = all.filter(({ type }) => /trigger$/i.test(type)).map(({ type }) => type)
  if (types.length !== 1) problems.push(`'${name}' must have exactly one trigger, it has ${types.length}.`)
  for (const type of types)
    if (!triggers[type.toLowerCase()]) problems.push(`'${name}': the local host does not run the trigger '${type}'.`)
  for (const { type, direction } of all) {
    if (/trigger$/i.test(type) || (type.toLowerCase() === 'http' && direction === 'out')) continue
    problems.push(`'${name}': the local host has no '${direction}' binding of type '${type}'; use the SDK.`)
  }
  if (retryOptions !== undefined && retryOptions !== null) problems.push(`'${name}': the local host has no retry policies.`)
  return problems
}

/** ScriptHost.ValidateHttpFunction: reserved whatever the route prefix is, and even as the start of a longer word. */
function routeProblems(target: RegisteredFunction): string[] {
  const route = routeOf(target).replace(/^\/+|\/+$/g, '')
  if (!/^(admin|runtime)/i.test(route)) return []
  return [`'${target.metadata.name}': The specified route conflicts with one or more built in routes. ('${route}')`]
}

/** ScriptHost.HttpRoutesConflict: the same text, ignoring case, and a method in common (no method means all). */
function conflict(a: RegisteredFunction, b: RegisteredFunction): boolean {
  const [left, right] = [a, b].map((each) =>
    routeOf(each)
      .replace(/^\/+|\/+$/g, '')
      .toLowerCase(),
  )
  const [some, others] = [methodsOf(a), methodsOf(b)]
  return left === right && (some.length === 0 || others.length === 0 || some.some((method) => others.includes(method)))
}

function pairProblems(functions: readonly RegisteredFunction[]): string[] {
  const problems = []
  for (const [index, one] of functions.entries()) {
    for (const other of functions.slice(0, index)) {
      const [name, taken] = [one.metadata.name, other.metadata.name]
      if (name.toLowerCase() === taken.toLowerCase()) problems.push(`The function name '${name}' must be unique within the function app.`)
      const bothHttp = isTrigger(one, 'httptrigger') && isTrigger(other, 'httptrigger')
      if (bothHttp && conflict(one, other))
        problems.push(`'${name}': The route specified conflicts with the route defined by function '${taken}'.`)
    }
  }
  return problems
}

/** Every reason why this app would not run, in words; empty if it would. */
export function problemsOf(functions: readonly RegisteredFunction[], host: HostConfiguration): string[] {
  const problems = functions.flatMap(({ metadata }) => [
    ...(functionName.test(metadata.name) ? [] : [`'${metadata.name}' is not a valid function name.`]),
    ...bindingProblems(metadata),
  ])
  if (problems.length > 0) return problems
  const http = functions.filter((each) => isTrigger(each, 'httptrigger'))
  problems.push(...http.flatMap(routeProblems), ...pairProblems(functions))
  const bundled = functions.filter((each) => triggers[triggerOf(each).binding.type.toLowerCase()]?.bundled)
  if (bundled.length > 0 && !host.extensionBundle) {
    const types = [...new Set(bundled.map((each) => triggerOf(each).binding.type))]
    problems.push(`The binding type(s) '${types.join(', ')}' are not registered: host.json needs an extensionBundle.`)
  }
  return problems
}
