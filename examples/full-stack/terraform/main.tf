# The machines of a small web tier. terraform_data is built into Terraform, so this applies anywhere without a cloud
# account; in a real stack these would be instances, and the outputs would look just the same.

variable "env" {
  type    = string
  default = "dev"
}

variable "host_count" {
  type    = number
  default = 6
}

variable "batch_size" {
  type    = number
  default = 2
}

variable "site_url" {
  description = "Where the hosts answer their health check"
  type        = string
}

resource "terraform_data" "network" {
  input = { cidr = "10.40.0.0/16", env = var.env }
}

resource "terraform_data" "host" {
  count = var.host_count
  input = {
    name    = format("web-%02d", count.index + 1)
    network = terraform_data.network.output.cidr
  }
}

resource "terraform_data" "bootstrap" {
  input = "token for ${var.env}"
}

output "groups" {
  description = "Inventory groups of Ansible, one per batch"
  value = [
    for batch in chunklist(terraform_data.host[*].output.name, var.batch_size) : {
      web = {
        hosts = {
          for name in batch : name => {
            ansible_connection         = "local"
            ansible_python_interpreter = "{{ ansible_playbook_python }}"
          }
        }
      }
    }
  ]
}

output "health_urls" {
  value = [for host in terraform_data.host : "${var.site_url}/hosts/${host.output.name}/health.json"]
}

output "bootstrap_token" {
  description = "Stays encrypted: a result carries only a reference to it"
  value       = terraform_data.bootstrap.id
  sensitive   = true
}
