"""All operations, in the order of the API's documentation."""

from guestlist.operations import audiences, definitions, insights, keys, standing, syncs
from guestlist.operations.operation import Request

OPERATIONS: tuple[type[Request], ...] = (
    standing.ShowStatus,
    standing.ListRuns,
    syncs.ShowRun,
    syncs.ListSyncs,
    syncs.RunSyncs,
    syncs.ShowSync,
    syncs.CancelSync,
    syncs.PlanSyncs,
    syncs.ConfirmPlan,
    audiences.ListAudiences,
    audiences.CheckAudiences,
    definitions.ConvertQuery,
    audiences.ShowAudience,
    definitions.ShowDefinition,
    definitions.WriteAudience,
    definitions.RemoveAudience,
    definitions.ShowQuery,
    audiences.ListMembers,
    audiences.ExportMembers,
    audiences.ExplainPerson,
    insights.PreviewAudience,
    insights.CompareAudiences,
    insights.ExportDifference,
    insights.ShowHistory,
    insights.ExportChanges,
    keys.ListKeys,
    keys.AddKey,
    keys.RemoveKey,
    keys.ListAudit,
)
