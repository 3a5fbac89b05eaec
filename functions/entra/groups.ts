/**
 * Whether somebody is in a group, directly or through others: the policy group, whose members may use this service.
 *
 * Permission: GroupMember.Read.All. Source: learn.microsoft.com/graph/api/directoryobject-checkmembergroups (POST, changes nothing).
 */
import * as z from 'zod'
import { type Graph, isGuid, odd, refused } from './graph.ts'

export interface Groups {
  /** GRAPH_UNAVAILABLE: Graph did not say. A person or group that is not there: no. */
  isMember(objectId: string, groupId: string): Promise<boolean>
}

const members = z.object({ value: z.array(z.string()) })

export const openGroups = (graph: Pick<Graph, 'ask'>): Groups => ({
  async isMember(objectId, groupId) {
    if (!isGuid(objectId) || !isGuid(groupId)) return false
    const { status, body } = await graph.ask(`users/${objectId}/checkMemberGroups`, { groupIds: [groupId] })
    if (status === 404) return false
    if (status !== 200) throw refused(status)
    const parsed = members.safeParse(body)
    if (!parsed.success) throw odd('something that is no list')
    return parsed.data.value.some((id) => id.toLowerCase() === groupId.toLowerCase())
  },
})
