/** The forests, or the rules, as a menu: change one, add one, remove one, until "Next". */
import { askValue, type Draft, type Kit } from './draft.ts'
import type { Parsed } from './questions.ts'
import { itemNamed, type Json, type ListName, namesIn, withoutItem } from './settings-edit.ts'

export interface NamedList {
  title: string
  list: ListName
  /** Of a forest, of a rule. */
  one: string
  parseName(name: string): Parsed
  hint(item: Json): string
  edit(draft: Draft, name: string, kit: Kit): Promise<Draft>
}

export async function editList(start: Draft, kit: Kit, of: NamedList): Promise<Draft> {
  const { title, list, one, hint } = of
  let draft = start
  for (;;) {
    const names = namesIn(draft.settings, list)
    if (names.length === 0) {
      draft = await addOne(draft, kit, of)
      continue
    }
    const choice = await kit.ask.choose(title, [
      { value: 'next', label: 'Next' },
      ...names.map((name) => ({ value: `change ${name}`, label: `Change ${name}`, hint: hint(itemNamed(draft.settings, list, name)) })),
      { value: 'add', label: `Add a ${one}` },
      ...names.map((name) => ({ value: `remove ${name}`, label: `Remove ${name}`, ...(list === 'forests' && { hint: 'with its rules' }) })),
    ])
    const name = choice.replace(/^\w+ /, '')
    if (choice === 'next') return draft
    if (choice === 'add') draft = await addOne(draft, kit, of)
    else if (choice.startsWith('remove ')) draft = without(draft, list, name)
    else draft = await of.edit(draft, name, kit)
  }
}

/** What was typed for a forest goes with it. */
function without(draft: Draft, list: ListName, name: string): Draft {
  const typed = list === 'forests' ? [...draft.passwords].filter(([forest]) => forest !== name) : draft.passwords
  return { ...draft, settings: withoutItem(draft.settings, list, name), passwords: new Map(typed) }
}

async function addOne(draft: Draft, kit: Kit, { list, one, parseName, edit }: NamedList): Promise<Draft> {
  const names = namesIn(draft.settings, list)
  const parse = (name: string): Parsed => (names.includes(name) ? { problem: `there is a ${one} of this name` } : parseName(name))
  return edit(draft, String(await askValue(kit.ask, `A short name for the ${one}`, undefined, parse)), kit)
}
