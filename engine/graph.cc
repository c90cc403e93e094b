#include "engine/graph.h"

namespace kg {

const Incarnation* Node::AliveAt(Timestamp t) const {
  for (auto it = incarnations.rbegin(); it != incarnations.rend(); ++it) {
    if (it->alive.Contains(t)) return &*it;
  }
  return nullptr;
}

Node& GraphBuilder::Mutable(ResourceId id) {
  const size_t page = id.value / Graph::kPage;
  const size_t slot = id.value % Graph::kPage;
  while (graph_.pages_.size() <= page) {
    graph_.pages_.push_back(std::make_shared<Graph::Page>());
  }
  own_page_.resize(graph_.pages_.size());
  own_node_.resize(graph_.pages_.size());
  if (!own_page_[page]) {
    graph_.pages_[page] = std::make_shared<Graph::Page>(*graph_.pages_[page]);
    own_page_[page] = true;
    own_node_[page].assign(Graph::kPage, false);
  }
  // The builder alone holds what it owns, so writing through the const pointers is safe.
  auto& nodes = const_cast<Graph::Page&>(*graph_.pages_[page]);
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
  const_cast<Graph::Page&>(*graph_.pages_[page])[slot] = nullptr;
  own_node_[page][slot] = false;
}

std::shared_ptr<const Graph> GraphBuilder::Publish() {
  own_page_.clear();
  own_node_.clear();
  return std::make_shared<Graph>(graph_);
}

}  // namespace kg
