/** One reset through every part, step by step, with the time of each, as `npm start` shows it. */
import { randomInt } from 'node:crypto'
import { bindAs } from './bind.ts'
import { codeIn, type HttpAnswer, startReset } from './reset-client.ts'
import type { System } from './what-runs.ts'

/** Throws with what went wrong; resolves when the bind with the new password was accepted and the old one's refused. */
export async function showReset(system: System, print: (line: string) => void): Promise<void> {
  const { forest, parts, url, directory } = system
  const person = forest.users[0]
  if (!person) throw new Error('nobody in the directory')
  const newPassword = `Correct-Horse-${randomInt(10 ** 9)}`
  const startedAt = performance.now()

  const step = async <T>(what: string, work: () => Promise<T>, said: (result: T) => string): Promise<T> => {
    const from = performance.now()
    const result = await work()
    print(`  ${what.padEnd(58)} ${said(result).padEnd(28)} ${(performance.now() - from).toFixed(0).padStart(5)} ms`)
    return result
  }
  const answered = (expected: number) => (answer: HttpAnswer) => {
    if (answer.status !== expected) throw new Error(`expected ${expected}, got ${answer.status}: ${JSON.stringify(answer.body)}`)
    return `${answer.status} ${answer.body.code ?? answer.body.state ?? ''}`
  }
  const must = (expected: string) => (result: string) => {
    if (result !== expected) throw new Error(`the bind should have been ${expected}, and was ${result}`)
    return result
  }

  print(`\nA reset for ${person.upn}, through every part:`)
  await step('bind with the old password', () => bindAs(directory, person.dn, person.password), must('accepted'))
  const flow = await step(
    'POST /api/reset',
    () => startReset(url, person.upn),
    ({ started }) => answered(202)(started),
  )
  await step(`POST /api/reset/${flow.id}/challenge`, () => flow.challenge(), answered(202))
  const mail = await step(
    'the code arrives by mail',
    () => parts.mail.call('waitFor', person.mail, 0, 15_000),
    ({ subject }) => `"${subject}"`,
  )
  await step(`POST /api/reset/${flow.id}/verify`, () => flow.verify(codeIn(mail.text)), answered(200))
  await step(`POST /api/reset/${flow.id}/password`, () => flow.password(newPassword), answered(200))
  await step('bind with the old password', () => bindAs(directory, person.dn, person.password), must('refused'))
  await step('bind with the new password', () => bindAs(directory, person.dn, newPassword), must('accepted'))
  print(`  done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: sealed, sent, set in the directory, answered.`)
}
