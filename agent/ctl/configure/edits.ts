/**
 * Answers given on the command line, as edits of the settings: a table of options. `--forest`, `--domain` and `--rule` name what
 * the options behind them are about; every problem is told at once.
 */
import {
  forestQuestions,
  type Parsed,
  parseDomainName,
  parseForestField,
  parseRuleField,
  parseServers,
  parseSingle,
  ruleQuestions,
  singles,
} from './questions.ts'
import { type Json, type ListName, namesIn, withItem, withoutItem } from './settings-edit.ts'
import { parseAddress, serversOf, withAddress, withDomain, withSingle } from './settings-shape.ts'

export interface Edit {
  flag: string
  value: string
}

/** The settings so far, and where the next option belongs. */
interface Place {
  settings: Json
  forest?: string | undefined
  domain?: string | undefined
  rule?: string | undefined
}

/** Text: why it is refused. */
type Step = (place: Place, value: string) => Place | string

export function applyEdits(start: Json, edits: readonly Edit[]): { settings: Json; problems: readonly string[] } {
  const problems: string[] = []
  let place: Place = { settings: start }
  for (const { flag, value } of edits) {
    const next = steps[flag]?.(place, value) ?? 'not known'
    if (typeof next === 'string') problems.push(`--${flag}: ${next}`)
    else place = next
  }
  return { settings: place.settings, problems }
}

const put = (place: Place, parsed: Parsed, edit: (value: unknown) => Json): Place | string =>
  'problem' in parsed ? parsed.problem : { ...place, settings: edit(parsed.value) }

const ofForest =
  (step: (place: Place, forest: string, value: string) => Place | string): Step =>
  (place, value) =>
    place.forest === undefined ? 'belongs behind --forest NAME' : step(place, place.forest, value)

const ofRule =
  (step: (place: Place, rule: string, value: string) => Place | string): Step =>
  (place, value) =>
    place.rule === undefined ? 'belongs behind --rule NAME' : step(place, place.rule, value)

const setSingle = (place: Place, key: string, value: string) =>
  put(place, parseSingle(key, value), (parsed) => withSingle(place.settings, key, parsed))

const remove =
  (list: ListName): Step =>
  (place, name) =>
    namesIn(place.settings, list).includes(name)
      ? { ...place, settings: withoutItem(place.settings, list, name) }
      : 'there is none of this name'

const steps: Readonly<Record<string, Step>> = {
  ...Object.fromEntries(singles.map(({ key, flag }): [string, Step] => [flag, (place, value) => setSingle(place, key, value)])),
  set(place, pair) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    return key === undefined || value === undefined ? 'must be KEY=VALUE' : setSingle(place, key, value)
  },

  forest: (place, name) =>
    put({ ...place, forest: name, domain: undefined }, parseForestField('name', name), () => withItem(place.settings, 'forests', name, {})),
  domain: ofForest((place, forest, name) =>
    put({ ...place, domain: name }, parseDomainName(name), () => withDomain(place.settings, forest, name, [])),
  ),
  server: ofForest((place, forest, server) => {
    const { settings, domain } = place
    if (domain === undefined) return 'belongs behind --domain NAME'
    return put(place, parseServers([server]), () => withDomain(settings, forest, domain, [...serversOf(settings, forest, domain), server]))
  }),
  address: ofForest((place, forest, pair) => {
    const parsed = parseAddress(pair)
    return typeof parsed === 'string' ? parsed : { ...place, settings: withAddress(place.settings, forest, parsed) }
  }),
  ...Object.fromEntries(
    Object.values(forestQuestions).map(({ key, flag }): [string, Step] => [
      flag,
      ofForest((place, forest, value) =>
        put(place, parseForestField(key, value), (parsed) => withItem(place.settings, 'forests', forest, { [key]: parsed })),
      ),
    ]),
  ),
  'remove-forest': remove('forests'),

  rule: (place, name) => put({ ...place, rule: name }, parseRuleField('name', name), () => withItem(place.settings, 'rules', name, {})),
  ...Object.fromEntries(
    Object.values(ruleQuestions).map(({ key, flag }): [string, Step] => [
      flag,
      ofRule((place, rule, value) =>
        put(place, parseRuleField(key, value), (parsed) => withItem(place.settings, 'rules', rule, { [key]: parsed })),
      ),
    ]),
  ),
  'remove-rule': remove('rules'),
}

/** Every option that is an edit, as parseArgs wants to know it. */
export const editOptions = Object.fromEntries(Object.keys(steps).map((flag) => [flag, { type: 'string', multiple: true }] as const))
