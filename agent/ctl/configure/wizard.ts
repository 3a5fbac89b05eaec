/**
 * The pages in their order, as the specification has them: welcome, tasks, Entra ID, directories, filtering, optional features,
 * ready to configure. Nothing is written here: what comes out is a draft, or nothing.
 */
import type { Draft, Kit } from './draft.ts'
import { certificateToMake, openAnswers } from './open-answers.ts'
import { connectCloud } from './page-cloud.ts'
import { connectDirectories } from './page-directories.ts'
import { optionalFeatures } from './page-features.ts'
import { filterDomains } from './page-filtering.ts'
import { signIn } from './page-sign-in.ts'
import { describe } from './summary.ts'

const pages = {
  cloud: { title: 'Connect to Entra ID', ask: async (draft: Draft, kit: Kit) => signIn(await connectCloud(draft, kit), kit) },
  directories: { title: 'Connect directories', ask: connectDirectories },
  filtering: { title: 'Domain and OU filtering', ask: filterDomains },
  features: { title: 'Optional features', ask: optionalFeatures },
} as const
type PageName = keyof typeof pages

export interface Files {
  settings: string
  exists: boolean
}

/** Undefined: whoever answers wants nothing to be done. */
export async function walk(start: Draft, kit: Kit, files: Files): Promise<Draft | undefined> {
  kit.ask.note('Welcome', [
    'This sets up an agent of password writeback: who it is, which directories it',
    'serves, and who is in scope. Nothing is written before you say so at the end;',
    'Ctrl-C leaves everything as it was.',
    '',
    `${files.exists ? 'Settings' : 'New settings'}: ${files.settings}`,
  ])
  if ((await chooseTask(start, kit, files)) === 'exit') return undefined
  let draft = start
  for (const name of Object.keys(pages) as PageName[]) draft = await turnTo(name, draft, kit)
  return ready(draft, kit, files)
}

async function chooseTask({ settings }: Draft, { ask }: Kit, { exists }: Files): Promise<'customize' | 'exit'> {
  for (;;) {
    const task = await ask.choose('Additional tasks', [
      ...(exists ? [{ value: 'view', label: 'View current configuration' } as const] : []),
      { value: 'customize', label: 'Customize synchronization options' },
      { value: 'exit', label: 'Exit' },
    ])
    if (task !== 'view') return task
    ask.note('Current configuration', describe(settings))
  }
}

function turnTo(name: PageName, draft: Draft, kit: Kit): Promise<Draft> {
  const { title, ask } = pages[name]
  kit.ask.step(title)
  return ask(draft, kit)
}

async function ready(start: Draft, kit: Kit, { settings: file }: Files): Promise<Draft | undefined> {
  let draft = start
  for (;;) {
    const open = openAnswers(draft)
    kit.ask.note('Ready to configure', [...describe(draft.settings), '', ...willDo(draft, file), ...open.map((each) => `NOT YET: ${each}`)])
    const choice = await kit.ask.choose(open.length === 0 ? 'Shall it be done?' : 'Something is missing', [
      ...(open.length === 0 ? [{ value: 'configure', label: 'Configure' } as const] : []),
      ...(Object.keys(pages) as PageName[]).map((value) => ({ value, label: `Back to "${pages[value].title}"` })),
      { value: 'exit', label: 'Exit, and leave everything as it was' },
    ])
    if (choice === 'exit') return undefined
    if (choice === 'configure') return draft
    draft = await turnTo(choice, draft, kit)
  }
}

const switched = { on: 'Password writeback is switched on', off: 'Password writeback is switched off', asItIs: undefined } as const

function willDo({ writeback, passwords, settings }: Draft, file: string): string[] {
  const made = certificateToMake({ settings })
  return [
    `${file} is written; what it held is kept beside it`,
    ...(passwords.size > 0 ? [`Passwords typed here go into files of their own: ${[...passwords.keys()].join(', ')}`] : []),
    ...(made === undefined ? [] : [`${made} is made: a private key, which never leaves this machine, and its certificate`]),
    ...(switched[writeback] === undefined ? [] : [switched[writeback]]),
  ]
}
