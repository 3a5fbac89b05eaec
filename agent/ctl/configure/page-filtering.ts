/** The page "Domain and OU filtering": the synchronization rules, each with a place in a directory and who counts there. */
import { askValue, type Draft, type Kit, untilGood } from './draft.ts'
import { editList, type NamedList } from './named-list.ts'
import { parseRuleField, ruleQuestions } from './questions.ts'
import { itemNamed, itemsOf, type Json, namesIn, withItem } from './settings-edit.ts'
import { domainsOf } from './settings-shape.ts'

export const filterDomains = (draft: Draft, kit: Kit): Promise<Draft> =>
  untilGood(
    { ...draft, settings: withRules(draft.settings, draft.forestsThere) },
    kit,
    (before) => editList(before, kit, rules),
    kit.trials.rules,
  )

const rules: NamedList = {
  title: 'Who is in scope',
  list: 'rules',
  one: 'rule',
  parseName: (name) => parseRuleField('name', name),
  hint: ({ baseDn, filter }) => [baseDn, filter].filter((each) => typeof each === 'string').join(' '),
  edit: async (draft, name, kit) => ({ ...draft, settings: await askRule(draft.settings, name, kit) }),
}

/** Of settings that are in use: one of these without a rule was meant to be out of scope. */
export const forestsThere = (found: Json): string[] => (itemsOf(found, 'rules').length > 0 ? namesIn(found, 'forests') : [])

/** A new forest without a rule would serve nobody: everybody in its first domain, until somebody says otherwise. */
export function withRules(settings: Json, there: readonly string[]): Json {
  const bare = namesIn(settings, 'forests').filter(
    (forest) => !there.includes(forest) && !itemsOf(settings, 'rules').some((rule) => rule['forest'] === forest),
  )
  return bare.reduce(
    (before, forest) =>
      withItem(before, 'rules', `everybody in ${forest}`.slice(0, 64), {
        forest,
        baseDn: headOf(before, forest),
        precedence: nextPrecedence(before),
      }),
    settings,
  )
}

const headOf = (settings: Json, forest: string): string =>
  String(domainsOf(settings, forest)[0]?.['name'] ?? '')
    .split('.')
    .map((label) => `DC=${label}`)
    .join(',')

const defaultPrecedence = 100

/** Behind all others, with room between. */
function nextPrecedence(settings: Json): number {
  const taken = itemsOf(settings, 'rules').map(({ precedence }) => (typeof precedence === 'number' ? precedence : defaultPrecedence))
  return Math.min(Math.max(0, ...taken) + 100, 10_000)
}

async function askRule(settings: Json, name: string, { ask }: Kit): Promise<Json> {
  const rule = itemNamed(settings, 'rules', name)
  const forests = namesIn(settings, 'forests')
  const [first = ''] = forests
  const had = typeof rule['forest'] === 'string' && forests.includes(rule['forest']) ? rule['forest'] : first
  const forest = forests.length > 1 ? await ask.choose(ruleQuestions.forest.ask, choices(forests), had) : first
  const initial: Readonly<Record<string, unknown>> = {
    baseDn: rule['baseDn'] ?? headOf(settings, forest),
    filter: rule['filter'],
    anchor: rule['anchor'] ?? 'mS-DS-ConsistencyGuid',
    // One that is there and does not say has the default; a new one comes behind all others.
    precedence: rule['precedence'] ?? (rule['baseDn'] === undefined ? nextPrecedence(settings) : defaultPrecedence),
  }
  const answers: Record<string, unknown> = { forest }
  for (const field of ['baseDn', 'filter', 'anchor', 'precedence'] as const) {
    const shown = initial[field] === undefined ? undefined : String(initial[field])
    const parse = (typed: string) => parseRuleField(field, typed)
    answers[field] = await askValue(ask, ruleQuestions[field].ask, shown, parse, field === 'filter')
  }
  const enabled = await ask.choose(ruleQuestions.enabled.ask, yesNo, rule['enabled'] === false ? 'no' : 'yes')
  return withItem(settings, 'rules', name, { ...answers, enabled: enabled === 'yes' })
}

const choices = (names: readonly string[]) => names.map((value) => ({ value, label: value }))
const yesNo = [
  { value: 'yes', label: 'Yes' },
  { value: 'no', label: 'No', hint: 'whom it holds is told that nothing leads there' },
] as const
