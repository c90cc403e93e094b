#include "engine/graph.h"

namespace kg {

const Incarnation* Node::AliveAt(Timestamp t) const {
  for (auto it = incarnations.rbegin(); it != incarnations.rend(); ++it) {
    if (it->alive.Contains(t)) return &*it;
  }
  return nullptr;
}

GraphBuilder::GraphBuilder(const Graph& base, NodeArchive* archive)
    : pages_(std::make_shared<Graph::Pages>(*base.pages_)), graph_(base, archive) {
  graph_.pages_ = pages_;
}

Node& GraphBuilder::Mutable(ResourceId id) {
  const size_t page = id.value / Graph::kPage;
  const size_t slot = id.value % Graph::kPage;
  while (pages_->size() <= page) pages_->push_back(std::make_shared<Graph::Page>());
  own_page_.resize(pages_->size());
  own_node_.resize(pages_->size());
  if (!own_page_[page]) {
    (*pages_)[page] = std::make_shared<Graph::Page>(*(*pages_)[page]);
    own_page_[page] = true;
    own_node_[page].assign(Graph::kPage, false);
  }
  // The builder alone holds what it owns, so writing through the const pointers is safe.
  auto& nodes = const_cast<Graph::Page&>(*(*pages_)[page]);
  if (!own_node_[page][slot]) {
    nodes[slot] =
        nodes[slot] == nullptr ? std::make_shared<Node>() : std::make_shared<Node>(*nodes[slot]);
    own_node_[page][slot] = true;
  }
  return const_cast<Node&>(*nodes[slot]);
}

void GraphBuilder::Remove(ResourceId id) {
  if (graph_.Find(id) == nullptr) return;
  Mutable(id);  // makes the page ours
  const size_t page = id.value / Graph::kPage;
  const size_t slot = id.value % Graph::kPage;
  const_cast<Graph::Page&>(*(*pages_)[page])[slot] = nullptr;
  own_node_[page][slot] = false;
}

std::shared_ptr<const Graph> GraphBuilder::Publish() {
  return std::make_shared<Graph>(graph_, nullptr);
}

}  // namespace kg
