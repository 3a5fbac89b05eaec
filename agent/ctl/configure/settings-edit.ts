/**
 * Edits of a settings file, on what JSON.parse made of it: whatever it holds that the wizard does not know stays as it is.
 * Pure; every edit gives a new object.
 */
export type Json = Readonly<Record<string, unknown>>
export type ListName = 'forests' | 'rules'

export const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** `key` as docs/operating.md writes it: `relay.transport`. */
export function valueAt(settings: Json, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, name) => (isJson(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined), settings)
}

export const textAt = (settings: Json, key: string): string | undefined => {
  const value = valueAt(settings, key)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

/** Undefined takes it away. */
export function withValue(settings: Json, key: string, value: unknown): Json {
  const [name = '', ...rest] = key.split('.')
  if (rest.length === 0) return withField(settings, name, value)
  const child = settings[name]
  return withField(settings, name, withValue(isJson(child) ? child : {}, rest.join('.'), value))
}

function withField(object: Json, name: string, value: unknown): Json {
  const { [name]: _, ...others } = object
  if (value === undefined) return others
  // In its old place, so that two versions of a file can be compared.
  return Object.hasOwn(object, name)
    ? Object.fromEntries(Object.entries(object).map((each) => (each[0] === name ? [name, value] : each)))
    : { ...object, [name]: value }
}

export const itemsOf = (settings: Json, list: ListName): readonly Json[] => {
  const items = settings[list]
  return Array.isArray(items) ? items.filter(isJson) : []
}

export const namesIn = (settings: Json, list: ListName): string[] => itemsOf(settings, list).map(({ name }) => String(name))

export const itemNamed = (settings: Json, list: ListName, name: string): Json =>
  itemsOf(settings, list).find((item) => item['name'] === name) ?? { name }

/** What is there of this name with these fields, or a new one behind the others. */
export function withItem(settings: Json, list: ListName, name: string, fields: Json): Json {
  const items = itemsOf(settings, list)
  const edited = Object.entries(fields).reduce((item, [field, value]) => withField(item, field, value), itemNamed(settings, list, name))
  const known = items.some((item) => item['name'] === name)
  return withValue(settings, list, known ? items.map((item) => (item['name'] === name ? edited : item)) : [...items, edited])
}

/** A forest goes with the rules that lead into it. */
export function withoutItem(settings: Json, list: ListName, name: string): Json {
  const left = withValue(
    settings,
    list,
    itemsOf(settings, list).filter((item) => item['name'] !== name),
  )
  if (list === 'rules') return left
  return itemsOf(left, 'rules')
    .filter((rule) => rule['forest'] === name)
    .reduce((rest, rule) => withoutItem(rest, 'rules', String(rule['name'])), left)
}
