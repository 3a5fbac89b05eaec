/**
 * What must be there before anything is made in Azure; everything that is missing at once, each with what to do.
 *
 * Roles: the templates make custom roles, which takes Owner, or Contributor with User Access Administrator. ("Role Based Access
 * Control Administrator" gives roles to people, but cannot make one.)
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../cli/command.ts'
import { AzFailed, type Json } from './az.ts'
import { type Given, inSubscription } from './command.ts'

export const providers = [
  'Microsoft.App',
  'Microsoft.Authorization',
  'Microsoft.Communication',
  'Microsoft.Insights',
  'Microsoft.KeyVault',
  'Microsoft.ManagedIdentity',
  'Microsoft.OperationalInsights',
  'Microsoft.ServiceBus',
  'Microsoft.Storage',
  'Microsoft.Web',
] as const

/** Any of these sets will do. */
export const roles = [['Owner'], ['Contributor', 'User Access Administrator']] as const

export interface Account {
  /** Of the subscription. */
  id: string
  tenantId: string
  user: { name: string; type: string }
}

/** Nobody is signed in: the one thing without which nothing else can be asked. */
export async function account({ az, values }: Pick<Given, 'az' | 'values'>): Promise<Account> {
  const shown = await az.read(['account', 'show', ...inSubscription({ values })]).catch((error) => {
    if (!(error instanceof AzFailed)) throw error
  })
  if (shown?.id === undefined)
    throw new UsageError('nobody is signed in, or the subscription is not one of theirs: az login --tenant TENANT, az account list')
  return shown
}

/** A guest's name here is not the one the tenant knows them by; their object id is. */
async function assigneeOf(az: Given['az'], { name, type }: Account['user']): Promise<string> {
  if (type !== 'user') return name
  const me = await az.read(['ad', 'signed-in-user', 'show'])
  return me?.id ?? name
}

interface Ground {
  account: Account
  /** The resource group, or the subscription as long as that is still to be made. */
  scope: string
}

export async function preflight(given: Given, { account: { id, user }, scope }: Ground, files: readonly string[]): Promise<string[]> {
  const { az, values, root } = given
  const missing: string[] = []
  for (const file of files)
    if (!existsSync(join(root, file))) missing.push(`${file} is not there${file.startsWith('dist/') ? ': npm run build' : ''}`)
  const { location } = values
  if (location === undefined) missing.push('--location: a region, such as westeurope')
  const assignee = await assigneeOf(az, user)
  const whose = ['--assignee', assignee, '--scope', scope, '--include-inherited', '--include-groups']
  const [assigned, known, regions] = await Promise.all([
    az.read(['role', 'assignment', 'list', ...whose, '--subscription', id]),
    az.read(['provider', 'list', '--subscription', id]),
    az.read(['functionapp', 'list-flexconsumption-locations', '--subscription', id]),
  ])
  const held = new Set(list(assigned).map(({ roleDefinitionName }) => roleDefinitionName))
  if (!roles.some((set) => set.every((role) => held.has(role))))
    missing.push(`${user.name} is neither Owner nor both Contributor and User Access Administrator of ${scope}`)
  const registered = new Set(
    list(known).flatMap(({ namespace, registrationState }) =>
      registrationState === 'Registered' ? [String(namespace).toLowerCase()] : [],
    ),
  )
  for (const provider of providers)
    if (!registered.has(provider.toLowerCase()))
      missing.push(`${provider} is not registered: az provider register --namespace ${provider} --wait`)
  const names = list(regions).map(({ name }) => squeezed(name))
  if (location !== undefined && !names.includes(squeezed(location)))
    missing.push(`${location} has no Flex Consumption; regions that have: ${names.join(', ')}`)
  return missing
}

/** `West Europe` and `westeurope` are the same region. */
const squeezed = (name: unknown) =>
  String(name)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
const list = (value: unknown): Json[] => (Array.isArray(value) ? value : [])
