-- Health of a ClassificationBatch for Argo CD: resource.customizations.health.nightsort.dev_ClassificationBatch
local hs = { status = "Progressing", message = "waiting for the operator" }
if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "waiting for the operator to see the change"
  return hs
end
hs.message = obj.status.message or ""
local is = {}
for _, condition in ipairs(obj.status.conditions) do
  is[condition.type] = condition.status == "True"
end
if is.Stalled then
  hs.status = "Degraded"
elseif is.Suspended then
  hs.status = "Suspended"
elseif is.Ready then
  hs.status = "Healthy"
end
return hs
