"""`nightsort evaluate`: how right are the labels of a file whose categories are known?"""
