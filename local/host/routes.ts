/**
 * Route templates of HTTP functions: `flows/{id:guid}/{step?}`, `{*rest}`.
 *
 * Follows ASP.NET Core's attribute routing, which the host uses: case-insensitive, trailing slash ignored, inline
 * constraints, optional and default values, and its precedence (RoutePrecedence.ComputeInbound): literal before
 * constrained before plain before catch-all, segment by segment. A method that no route takes is "not found", never 405.
 */

export interface Route<T> {
  methods: readonly string[]
  segments: readonly Segment[]
  target: T
}

type Segment =
  | { kind: 'literal'; text: string }
  | { kind: 'parameter'; name: string; accepts: readonly ((value: string) => boolean)[]; optional: boolean; fallback: string | undefined }
  | { kind: 'rest'; name: string; accepts: readonly ((value: string) => boolean)[]; fallback: string | undefined }

const fits = (pattern: RegExp) => () => (value: string) => pattern.test(value)
const int = fits(/^[+-]?\d+$/)
const number = fits(/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i)
const list = (parameters: string) => parameters.split(',').map(Number)

/** learn.microsoft.com/aspnet/core/fundamentals/routing, "Route constraints". */
const constraints: Record<string, (parameters: string) => (value: string) => boolean> = {
  int,
  long: int,
  decimal: number,
  double: number,
  float: number,
  bool: fits(/^(true|false)$/i),
  alpha: fits(/^[a-z]*$/i),
  guid: fits(/^(\{)?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(\})?$/i),
  datetime: () => (value) => !Number.isNaN(Date.parse(value)),
  required: () => (value) => value !== '',
  minlength: (n) => (value) => value.length >= Number(n),
  maxlength: (n) => (value) => value.length <= Number(n),
  min: (n) => (value) => /^-?\d+$/.test(value) && Number(value) >= Number(n),
  max: (n) => (value) => /^-?\d+$/.test(value) && Number(value) <= Number(n),
  length: (parameters) => {
    const [least = 0, most = least] = list(parameters)
    return (value) => value.length >= least && value.length <= most
  },
  range: (parameters) => {
    const [least = 0, most = 0] = list(parameters)
    return (value) => /^-?\d+$/.test(value) && Number(value) >= least && Number(value) <= most
  },
  // ASP.NET adds IgnoreCase; doubled braces and brackets are how a template escapes them.
  regex: (pattern) => {
    const compiled = new RegExp(pattern.replaceAll('{{', '{').replaceAll('}}', '}').replaceAll('[[', '[').replaceAll(']]', ']'), 'i')
    return (value) => compiled.test(value)
  },
}

function constraint(text: string): (value: string) => boolean {
  const [, name = '', parameters = ''] = /^(\w+)(?:\((.*)\))?$/s.exec(text) ?? []
  const make = constraints[name.toLowerCase()]
  if (!make) throw new Error(`The constraint '${text}' is not known.`)
  return make(parameters)
}

/** Splits at `separator` wherever no brace or parenthesis is open. */
function split(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if ('{('.includes(character)) depth += 1
    if ('})'.includes(character)) depth -= 1
    if (character === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}

function segment(text: string): Segment {
  if (!/[{}]/.test(text)) return { kind: 'literal', text: text.toLowerCase() }
  if (!text.startsWith('{') || !text.endsWith('}'))
    throw new Error(`The segment '${text}' mixes text and parameters, which is not supported.`)
  const [, stars = '', inner = '', optional, fallback] = /^(\**)(.*?)(\?)?(?:=([^()]*))?$/s.exec(text.slice(1, -1)) ?? []
  const [name = '', ...tests] = split(inner, ':')
  if (!/^[^/{}?*=:]+$/.test(name)) throw new Error(`The segment '${text}' names no parameter.`)
  const accepts = tests.map(constraint)
  if (stars) return { kind: 'rest', name, accepts, fallback }
  return { kind: 'parameter', name, accepts, optional: optional !== undefined, fallback }
}

export function compileRoute<T>(template: string, methods: readonly string[], target: T): Route<T> {
  const parts = split(template.replace(/^\/+|\/+$/g, ''), '/').filter((part) => part !== '')
  const segments = parts.map(segment)
  const rest = segments.findIndex(({ kind }) => kind === 'rest')
  if (rest !== -1 && rest !== segments.length - 1) throw new Error(`A catch-all parameter may only be the last segment of '${template}'.`)
  return { methods: methods.map((method) => method.toUpperCase()), segments, target }
}

/** One digit a segment, as RoutePrecedence.ComputeInbound gives them. */
function rank(part: Segment): number {
  if (part.kind === 'literal') return 1
  const constrained = part.accepts.length > 0
  return part.kind === 'parameter' ? (constrained ? 3 : 4) : constrained ? 5 : 6
}

export function byPrecedence<T>(a: Route<T>, b: Route<T>): number {
  for (let i = 0; i < Math.max(a.segments.length, b.segments.length); i += 1) {
    const [left, right] = [a.segments[i], b.segments[i]]
    const difference = (left ? rank(left) : 0) - (right ? rank(right) : 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** Undoes percent-encoding, but leaves `%2F` (a slash that separates nothing) and broken sequences as they came. */
function decode(part: string): string {
  try {
    return part
      .split(/(%2f)/i)
      .map((piece) => (/^%2f$/i.test(piece) ? piece : decodeURIComponent(piece)))
      .join('')
  } catch {
    return part
  }
}

function matchSegments(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  const params: Record<string, string> = {}
  for (const [index, part] of segments.entries()) {
    const value = part.kind === 'rest' ? parts.slice(index).join('/') : parts[index]
    if (part.kind === 'literal') {
      if (value?.toLowerCase() !== part.text) return undefined
    } else if (value === undefined || value === '') {
      if (part.fallback !== undefined) params[part.name] = part.fallback
      else if (part.kind === 'parameter' && !part.optional) return undefined
    } else {
      if (!part.accepts.every((accepts) => accepts(value))) return undefined
      params[part.name] = value
    }
  }
  const open = segments.at(-1)?.kind === 'rest'
  return open || parts.length <= segments.length ? params : undefined
}

/** The first route in order that takes path and method. `routes` must be sorted with `byPrecedence`. */
export function findRoute<T>(
  routes: readonly Route<T>[],
  method: string,
  path: string,
): { target: T; params: Record<string, string> } | undefined {
  const parts = path.replace(/^\//, '').replace(/\/$/, '').split('/').map(decode)
  const wanted = parts.length === 1 && parts[0] === '' ? [] : parts
  for (const route of routes) {
    if (!route.methods.includes(method)) continue
    const params = matchSegments(route.segments, wanted)
    if (params) return { target: route.target, params }
  }
  return undefined
}
