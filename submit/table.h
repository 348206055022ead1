// Tables for terminals and for awk: one record per line, columns as wide as their widest cell.
// Pure.
#pragma once

#include <string>
#include <vector>

namespace mr::submit {

class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;  // numbers
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // As many cells as there are columns. An empty cell is printed as "-", so that columns can be
  // counted.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string Render() const;

 private:
  std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace mr::submit
