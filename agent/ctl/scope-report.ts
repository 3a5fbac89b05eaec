/**
 * The scope report, read twice: first everybody's source anchor, to know who goes by the same one; then everybody, line by
 * line, as the directory gives them.
 *
 * What is held is one page, 24 bytes an account, and the members of protected groups. Between the two readings the directory
 * may change: the report is as good as the moment. A rule that cannot be read is left out and named.
 */
import { type ListedAccount, listAccounts, listAnchors } from '../directory/listing.ts'
import { domainOfRule, type Rule } from '../lookup/rules.ts'
import type { AgentSettings } from '../settings.ts'
import { explain } from './explain.ts'
import { type Contest, createContest } from './scope-contest.ts'
import { type OpenDomain, type Opened, openScoped } from './scope-domains.ts'
import { type Line, lineOf, type Status } from './scope-line.ts'

export interface Report {
  counts: Map<Status, number>
  /** Rules that were not read, or not to their end, and why. */
  missing: { rule: Rule; why: string }[]
}

export interface ReportDeps {
  settings: AgentSettings
  /** Also rules that are switched off. */
  all: boolean
  /** One page; the next is asked for when it resolves. */
  write(lines: readonly Line[]): Promise<void>
  /** Accounts read so far, of both readings. */
  progress(accounts: number): void
  signal: AbortSignal
}

interface Reading {
  index: number
  rule: Rule
  domain: OpenDomain
}

export async function report(deps: ReportDeps): Promise<Report> {
  const { settings, all, signal } = deps
  const rules = settings.rules.filter(({ enabled }) => enabled || all)
  const domains = await openDomains(settings, rules, signal)
  try {
    signal.throwIfAborted()
    return await readTwice(rules, domains, deps)
  } finally {
    for (const opened of domains.values()) if (opened.kind === 'open') opened.domain.connection.reset()
  }
}

async function openDomains(settings: AgentSettings, rules: readonly Rule[], signal: AbortSignal): Promise<Map<string, Opened>> {
  const forests = new Map(rules.map((rule) => [domainOfRule(rule), rule.forest]))
  const open = async (domainName: string, forestName: string) =>
    [domainName, await openScoped(settings, { forestName, domainName }, signal)] as const
  return new Map(await Promise.all([...forests].map(([domainName, forestName]) => open(domainName, forestName))))
}

async function readTwice(rules: readonly Rule[], domains: ReadonlyMap<string, Opened>, deps: ReportDeps): Promise<Report> {
  const missing: Report['missing'] = []
  const counts: Report['counts'] = new Map()
  const contest = createContest(rules)
  let accounts = 0
  const seen = (more: number) => {
    deps.signal.throwIfAborted()
    accounts += more
    deps.progress(accounts)
  }
  /** Those whose reading came to its end. */
  const each = async (readings: readonly Reading[], read: (reading: Reading) => Promise<void>): Promise<Reading[]> => {
    const complete: Reading[] = []
    for (const reading of readings) {
      try {
        await read(reading)
        complete.push(reading)
      } catch (error) {
        deps.signal.throwIfAborted()
        if (error instanceof WriteError) throw error.cause
        missing.push({ rule: reading.rule, why: explain(error) })
      }
    }
    return complete
  }
  const readings = openReadings(rules, domains, missing)
  const known = await each(readings, (reading) => readAnchors(reading, contest, seen))
  await each(known, (reading) => readLines(reading, contest, { seen, counts, write: deps.write }))
  return { counts, missing }
}

function openReadings(rules: readonly Rule[], domains: ReadonlyMap<string, Opened>, missing: Report['missing']): Reading[] {
  return rules.flatMap((rule, index) => {
    const opened = domains.get(domainOfRule(rule))
    if (opened?.kind === 'open') return [{ index, rule, domain: opened.domain }]
    missing.push({ rule, why: opened?.why ?? 'the settings know no such domain' })
    return []
  })
}

/** A rule that is switched off decides about nobody. */
async function readAnchors({ index, rule, domain }: Reading, contest: Contest, seen: (more: number) => void): Promise<void> {
  if (!rule.enabled) return
  for await (const page of listAnchors(domain.connection, rule)) {
    for (const { anchor, ...rest } of page) if (anchor !== undefined) contest.add({ rule: index, anchor, ...rest })
    seen(page.length)
  }
}

interface Writing {
  seen(more: number): void
  counts: Map<Status, number>
  write: ReportDeps['write']
}

async function readLines({ index, rule, domain }: Reading, contest: Contest, { seen, counts, write }: Writing): Promise<void> {
  const { connection, protectedBy, nowMs } = domain
  const verdictOf = ({ anchor, guid }: ListedAccount) =>
    rule.enabled && anchor !== undefined ? contest.verdict({ rule: index, anchor, guid }) : undefined
  for await (const page of listAccounts(connection, rule, protectedBy)) {
    const lines = page.map((account) => lineOf(account, { rule, verdict: verdictOf(account), nowMs }))
    for (const { status } of lines) counts.set(status, (counts.get(status) ?? 0) + 1)
    await write(lines).catch((error: unknown) => {
      throw new WriteError('the report could not be written', { cause: error })
    })
    seen(page.length)
  }
}

/** Tells a reader that is gone from a directory that is. */
class WriteError extends Error {
  override readonly name = 'WriteError'
}
