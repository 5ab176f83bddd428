# The proxies in front of a cluster. terraform_data is built into Terraform, so this applies anywhere without a cloud
# account; in a real stack these would be instances, and the outputs would look just the same.

variable "env" {
  type    = string
  default = "dev"
}

variable "proxy_count" {
  type    = number
  default = 2
}

resource "terraform_data" "proxy" {
  count = var.proxy_count
  input = format("proxy-%s-%02d", var.env, count.index + 1)
}

output "groups" {
  description = "Inventory groups of Ansible"
  value = {
    proxies = {
      hosts = {
        for name in terraform_data.proxy[*].output : name => {
          ansible_connection         = "local"
          ansible_python_interpreter = "{{ ansible_playbook_python }}"
        }
      }
    }
  }
}
