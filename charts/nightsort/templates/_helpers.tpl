{{- define "nightsort.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "nightsort.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 42 | trimSuffix "-" -}}
{{- else if contains (include "nightsort.name" .) .Release.Name -}}
{{- .Release.Name | trunc 42 | trimSuffix "-" -}}
{{- else -}}
{{- /* A CronJob's name may have 52 characters, and ours ends in "-nightly". */ -}}
{{- printf "%s-%s" .Release.Name (include "nightsort.name" .) | trunc 42 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "nightsort.selector" -}}
app.kubernetes.io/name: {{ include "nightsort.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nightsort.labels" -}}
{{ include "nightsort.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "nightsort.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "nightsort.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "nightsort.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "nightsort.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "nightsort.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "nightsort.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The least that the operator's life needs: a test compares it with what the API server saw it do. */ -}}
{{- define "nightsort.rules" -}}
- apiGroups: [nightsort.dev]
  resources: [classificationbatches]
  verbs: [get, list, watch, patch, delete]
- apiGroups: [nightsort.dev]
  resources: [classificationbatches/status]
  verbs: [patch]
- apiGroups: [nightsort.dev]
  resources: [categorysets]
  verbs: [get]
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, create, update]
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.rbac.secretNames }}
  resourceNames: {{- toYaml . | nindent 4 }}
  {{- end }}
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{- define "nightsort.nightlyNamespace" -}}
{{- default .Release.Namespace .Values.nightly.namespace -}}
{{- end }}

{{- /* What the CronJob creates; its name is given at night. */ -}}
{{- define "nightsort.nightlyBatch" -}}
apiVersion: nightsort.dev/v1alpha1
kind: ClassificationBatch
metadata:
  {{- with .Values.nightly.labels }}
  labels: {{- toYaml . | nindent 4 }}
  {{- end }}
  annotations:
    nightsort.dev/created-by: {{ printf "%s-nightly" (include "nightsort.fullname" .) }}
spec: {{- toYaml .Values.nightly.spec | nindent 2 }}
{{- end }}

{{- /* Whether somebody is to read the metrics: not empty, then. */ -}}
{{- define "nightsort.scraped" -}}
{{- with .Values.metrics }}{{ if or .service.enabled .serviceMonitor.enabled .podMonitor.enabled }}yes{{ end }}{{ end }}
{{- end }}
