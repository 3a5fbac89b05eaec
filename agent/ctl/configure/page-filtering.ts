/** The page "Domain and OU filtering": the synchronization rules, each with a place in a directory and who counts there. */
import { type Finding, skipped } from '../doctor/checks.ts'
import { askValue, type Draft, type Kit, untilGood } from './draft.ts'
import { type Parsed, parseRuleField, ruleQuestions } from './questions.ts'
import { itemNamed, itemsOf, type Json, namesIn, withItem, withoutItem } from './settings-edit.ts'
import { domainsOf } from './settings-shape.ts'
import { tryForest } from './trial.ts'

export async function filterDomains(start: Draft, kit: Kit): Promise<Draft> {
  let draft: Draft = { ...start, settings: withRules(start.settings) }
  for (;;) {
    const names = namesIn(draft.settings, 'rules')
    const choice = await kit.ask.choose('Who is in scope', [
      { value: 'next', label: 'Next' },
      ...names.map((name) => ({
        value: `change ${name}`,
        label: `Change ${name}`,
        hint: scopeOf(itemNamed(draft.settings, 'rules', name)),
      })),
      { value: 'add', label: 'Add another rule' },
      ...names.map((name) => ({ value: `remove ${name}`, label: `Remove ${name}` })),
    ])
    if (choice === 'next') return draft
    const name = choice.replace(/^\w+ /, '')
    if (choice.startsWith('remove ')) draft = { ...draft, settings: withoutItem(draft.settings, 'rules', name) }
    else draft = await connectRule(draft, choice === 'add' ? undefined : name, kit)
  }
}

const scopeOf = ({ baseDn, filter }: Json): string => [baseDn, filter].filter((each) => typeof each === 'string').join(' ')

/** A forest without a rule would serve nobody: everybody in its first domain, until somebody says otherwise. */
export function withRules(settings: Json): Json {
  const bare = namesIn(settings, 'forests').filter((forest) => !itemsOf(settings, 'rules').some((rule) => rule['forest'] === forest))
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

/** Behind all others, with room between. */
function nextPrecedence(settings: Json): number {
  const taken = itemsOf(settings, 'rules').map(({ precedence }) => (typeof precedence === 'number' ? precedence : 100))
  return Math.min(Math.max(0, ...taken) + 100, 10_000)
}

async function connectRule(draft: Draft, known: string | undefined, kit: Kit): Promise<Draft> {
  const name = known ?? (await askName(draft.settings, kit))
  return untilGood(
    draft,
    kit,
    async (before) => ({ ...before, settings: await askRule(before.settings, name, kit) }),
    (next) => tryRule(next, name, kit),
  )
}

/** Of what is tried only what is about this rule: the forest had its own lines. */
async function tryRule({ settings, passwords }: Draft, name: string, { clock }: Kit): Promise<Finding[]> {
  const forest = String(itemNamed(settings, 'rules', name)['forest'])
  const findings = await tryForest(settings, forest, passwords.get(forest), clock)
  const own = findings.filter(({ about }) => about === name)
  return own.length > 0 ? own : [skipped('rule-base', name, 'its base is in no domain of the forest that could be asked')]
}

async function askName(settings: Json, { ask }: Kit): Promise<string> {
  const names = namesIn(settings, 'rules')
  const unused = (name: string): Parsed => (names.includes(name) ? { problem: 'there is one of this name' } : parseRuleField('name', name))
  return String(await askValue(ask, 'A short name for the rule', undefined, unused))
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
    precedence: rule['precedence'] ?? nextPrecedence(settings),
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
